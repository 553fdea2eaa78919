# Imputation within arms by chained equations (mice: Bayesian linear regression, and predictive mean matching), then
# one regression, pooled. A Monte-Carlo reference: compare within its Monte-Carlo error, sqrt(between / m).
suppressPackageStartupMessages({library(mice); library(jsonlite)})
study <- read.csv("synth_study_attrition.csv")
columns <- c("x1_baseline", "x2_age", "x5_education", "x7_stress", "y1")
m <- 150
estimates <- function(method) {
  arms <- lapply(0:1, function(a) {
    own <- study[study$treat == a, columns]
    complete(mice(own, m = m, maxit = 10, method = method, visitSequence = columns[-2], seed = 20 + a, printFlag = FALSE), "all")
  })
  sapply(seq_len(m), function(i) {
    both <- rbind(cbind(arms[[1]][[i]], treat = 0), cbind(arms[[2]][[i]], treat = 1))
    fit <- lm(y1 ~ treat + x1_baseline + x7_stress, data = both)
    c(coef(fit)["treat"], vcov(fit)["treat", "treat"])
  })
}
pooled <- function(method) {
  found <- estimates(method)
  p <- pool.scalar(found[1, ], found[2, ], n = Inf, k = 1)
  list(estimate = p$qbar, within = p$ubar, between = p$b)
}
result <- list(m = m, columns = columns, norm = pooled("norm"), pmm = pooled("pmm"))
write_json(result, "made_mi_norm.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
