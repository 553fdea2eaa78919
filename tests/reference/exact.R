# Exact conditional tests: Fisher's, and the exact test over strata; Pearson's chi-square.
suppressPackageStartupMessages(library(jsonlite))
study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")

one_table <- function(events_first, n_first, events_second, n_second) {
  t <- matrix(c(events_first, n_first - events_first, events_second, n_second - events_second), 2)
  f <- fisher.test(t)
  list(counts = c(events_first, n_first, events_second, n_second), p = f$p.value,
       less = fisher.test(t, alternative = "less")$p.value, greater = fisher.test(t, alternative = "greater")$p.value,
       odds_ratio = unname(f$estimate), ci = as.numeric(f$conf.int),
       pearson_p = suppressWarnings(chisq.test(t, correct = FALSE)$p.value))
}

strata <- function(event, treat, stratum) {
  t <- table(factor(treat, c(1, 0)), factor(event, c(1, 0)), stratum)
  m <- mantelhaen.test(t, exact = TRUE)
  list(events_first = as.integer(t[1, 1, ]), n_first = as.integer(colSums(t[1, , ])),
       events_second = as.integer(t[2, 1, ]), n_second = as.integer(colSums(t[2, , ])), p = m$p.value,
       less = mantelhaen.test(t, exact = TRUE, alternative = "less")$p.value,
       greater = mantelhaen.test(t, exact = TRUE, alternative = "greater")$p.value,
       odds_ratio = unname(m$estimate), ci = as.numeric(m$conf.int))
}

tables <- list(c(4, 183, 5, 73), c(5, 183, 6, 73), c(3, 183, 4, 73), c(4, 183, 6, 73), c(36, 154, 12, 77), c(7, 183, 7, 73))
result <- list(
  tables = lapply(tables, function(a) one_table(a[1], a[2], a[3], a[4])),
  synth_placed = strata(study$placed, study$treat, study$cluster),
  mtbtoy_placed = strata(toy$placed, toy$treat, toy$muni)
)
write_json(result, "made_exact.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
