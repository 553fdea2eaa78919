# Two-stage least squares (AER), its cluster-robust types (clubSandwich), first-stage F, Anderson-Rubin p-values.
suppressPackageStartupMessages({library(AER); library(clubSandwich); library(jsonlite)})
cace <- read.csv("synth_cace.csv")

robust <- function(fit, type) {
  test <- coef_test(fit, vcov = vcovCR(fit, cluster = cace$cluster, type = type), test = "Satterthwaite")
  list(se = test$SE, df = test$df_Satt, p = test$p_Satt)
}

anderson_rubin <- function(outcome, value) { # does the instrument predict y - value * uptake?
  cace$rest <- cace[[outcome]] - value * cace$uptake
  fit <- lm(rest ~ treat + x1_baseline, data = cace)
  test <- coef_test(fit, vcov = vcovCR(fit, cluster = cace$cluster, type = "CR2"), test = "Satterthwaite")
  test$p_Satt[2]
}

# two instruments: the arm, and the arm by the baseline score
anderson_rubin_two <- function(outcome, value) {
  cace$rest <- cace[[outcome]] - value * cace$uptake
  fit <- lm(rest ~ treat + treat:x1_baseline + x1_baseline, data = cace)
  v <- vcovCR(fit, cluster = cace$cluster, type = "CR1S")
  k <- grep("treat", names(coef(fit)))
  f <- drop(coef(fit)[k] %*% solve(v[k, k], coef(fit)[k])) / 2
  list(F = f, p = pf(f, 2, length(unique(cace$cluster)) - 1, lower.tail = FALSE))
}

first <- lm(uptake ~ treat + x1_baseline, data = cace)
first_two <- lm(uptake ~ treat + treat:x1_baseline + x1_baseline, data = cace)
v_two <- vcovCR(first_two, cluster = cace$cluster, type = "CR1S")
k <- grep("treat", names(coef(first_two)))
z <- residuals(lm(cbind(treat, treat * x1_baseline) ~ x1_baseline, data = cace))
pi <- coef(first_two)[k]
result <- list(
  first_stage_F = unname((coef(first) / sqrt(diag(vcovCR(first, cluster = cace$cluster, type = "CR1S"))))["treat"]^2),
  first_stage_F_two = drop(pi %*% solve(v_two[k, k], pi)) / 2,
  effective_F_two = drop(pi %*% crossprod(z) %*% pi) / sum(diag(v_two[k, k] %*% crossprod(z)))
)
values <- c(-1, 0, 0.5, 2)
for (y in c("y3", "y4", "y6")) {
  fit <- ivreg(as.formula(paste(y, "~ uptake + x1_baseline | treat + x1_baseline")), data = cace)
  types <- c("CR0", "CR1", "CR1S", "CR2", "CR3")
  out <- c(list(names = names(coef(fit)), coef = unname(coef(fit))), setNames(lapply(types, robust, fit = fit), types))
  out$anderson_rubin <- list(value = values, p = sapply(values, anderson_rubin, outcome = y))
  both <- lapply(values, anderson_rubin_two, outcome = y)
  out$anderson_rubin_two <- list(value = values, F = sapply(both, `[[`, "F"), p = sapply(both, `[[`, "p"))
  two <- ivreg(as.formula(paste(y, "~ uptake + x1_baseline | treat + treat:x1_baseline + x1_baseline")), data = cace)
  out$two_instruments <- list(coef = unname(coef(two)), CR2 = robust(two, "CR2"))
  result[[y]] <- out
}
write_json(result, "made_iv.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
