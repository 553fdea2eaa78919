# Multiplicity corrections of base R.
suppressPackageStartupMessages(library(jsonlite))
adjusted <- function(p) {
  methods <- c("holm", "BH", "BY", "hochberg", "hommel", "bonferroni")
  c(list(p = p), setNames(lapply(methods, function(m) p.adjust(p, m)), tolower(methods)))
}
result <- list(
  benjamini_hochberg_1995 = adjusted(c(.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .324, .4262,
                                       .5719, .6528, .759, 1)),
  fifteen = adjusted(c(.001, .008, .039, .041, .042, .06, .074, .205, .212, .216, .222, .251, .269, .275, .34)),
  ties = adjusted(c(.02, .02, .5, .01, .5))
)
write_json(result, "made_padjust.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
