# Pooling of imputed estimates: Rubin's rules with the Barnard-Rubin df (mice).
suppressPackageStartupMessages({library(mice); library(jsonlite)})
estimate <- c(.30, .35, .25, .40, .28)
variance <- c(.05, .055, .048, .06, .052)
# mice counts complete-data df as n - k
pooled <- function(df) {
  p <- pool.scalar(estimate, variance, n = df + 1, k = 1)
  list(complete_df = if (is.finite(df)) df else "inf", estimate = p$qbar, within = p$ubar, between = p$b, total = p$t, df = p$df,
       fmi = p$fmi)
}
result <- list(estimate = estimate, variance = variance, pooled = lapply(c(Inf, 6.7109, 165), pooled))
write_json(result, "made_mi_pool.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
