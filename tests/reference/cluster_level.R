# Two-stage cluster means: paired t, signed rank, weighted mean, and t on cluster-specific coefficients.
suppressPackageStartupMessages(library(jsonlite))
toy <- read.csv("mtbtoy.csv")
toy$year <- toy$cal - 2020

two_stage <- function(formula) {
  toy$rest <- residuals(lm(formula, data = toy))
  mean_of <- function(arm) tapply(toy$rest[toy$treat == arm], toy$muni[toy$treat == arm], mean)
  n_of <- function(arm) as.numeric(table(toy$muni[toy$treat == arm]))
  d <- as.numeric(mean_of(1) - mean_of(0))
  w <- 1 / (1 / n_of(1) + 1 / n_of(0))
  paired <- t.test(d)
  rank <- wilcox.test(d, conf.int = TRUE, exact = TRUE)
  weighted <- summary(lm(d ~ 1, weights = w))$coefficients
  list(difference = d, t = unname(paired$statistic), df = unname(paired$parameter), p = paired$p.value,
       estimate = unname(paired$estimate), ci = as.numeric(paired$conf.int), V = unname(rank$statistic),
       rank_p = rank$p.value, hodges_lehmann = unname(rank$estimate), rank_ci = as.numeric(rank$conf.int),
       weighted = list(estimate = weighted[1, 1], se = weighted[1, 2], p = weighted[1, 4]))
}

within <- sapply(split(toy, toy$muni), function(g) coef(lm(y ~ treat + y0 + x, data = g))["treat"])
own <- t.test(within)
result <- list(
  calendar = two_stage(y ~ y0 + x + year),
  plain = two_stage(y ~ 1),
  cluster_specific = list(estimate = unname(own$estimate), t = unname(own$statistic), df = unname(own$parameter), p = own$p.value)
)
# between-cluster comparison: each municipality given one arm
arm <- as.integer(factor(toy$muni)) %% 2
toy$rest <- residuals(lm(y ~ y0 + x, data = toy))
means <- tapply(toy$rest, toy$muni, mean)
between <- t.test(means[tapply(arm, toy$muni, max) == 1], means[tapply(arm, toy$muni, max) == 0], var.equal = TRUE)
result$between <- list(estimate = unname(diff(rev(between$estimate))), t = unname(between$statistic),
                       df = unname(between$parameter), p = between$p.value)
sizes <- as.numeric(table(toy$muni))
side <- tapply(arm, toy$muni, max)
weighted <- summary(lm(as.numeric(means) ~ side, weights = sizes))$coefficients
result$between_weighted <- list(estimate = weighted[2, 1], se = weighted[2, 2], p = weighted[2, 4])
write_json(result, "made_cluster_level.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
