# Least squares with every cluster-robust type and its df (clubSandwich), the jackknife by refits.
suppressPackageStartupMessages({library(clubSandwich); library(jsonlite)})
fit_table <- function(formula, data, cluster, types = c("CR0", "CR1", "CR1S", "CR2", "CR3")) {
  fit <- lm(formula, data = data)
  id <- data[[cluster]]
  one_type <- function(type) {
    test <- coef_test(fit, vcov = vcovCR(fit, cluster = id, type = type), test = "Satterthwaite")
    list(se = test$SE, df = test$df_Satt, p = test$p_Satt)
  }
  left_out <- sapply(unique(id), function(g) coef(lm(formula, data = data[id != g, ])))
  g <- length(unique(id))
  saddle <- coef_test(fit, vcov = vcovCR(fit, cluster = id, type = "CR2"), test = "saddlepoint")
  out <- list(names = names(coef(fit)), n = nobs(fit), n_clusters = g, coef = unname(coef(fit)))
  out[types] <- lapply(types, one_type)
  out$saddlepoint_p <- saddle$p_saddle
  out$saddlepoint <- saddle$saddlepoint
  if (!anyNA(left_out)) {
    out$cv3_se <- unname(sqrt((g - 1) / g * rowSums((left_out - coef(fit))^2)))
    out$cv3j_se <- unname(sqrt((g - 1) / g * rowSums((left_out - rowMeans(left_out))^2)))
  }
  out
}

covariates <- "x1_baseline + x2_age + x3_male + x4_immigrant + x5_education + x6_single + x7_stress + x8_urban"
study <- read.csv("synth_study.csv")
lost <- read.csv("synth_study_attrition.csv")
toy <- read.csv("mtbtoy.csv")
complete <- function(y) {
  used <- all.vars(as.formula(paste(y, "~ cluster + treat +", covariates)))
  lost[complete.cases(lost[, used]), ]
}
result <- list()
for (y in c("y1", "y2", "y4", "y6")) {
  result[[paste0("synth_", y)]] <- fit_table(as.formula(paste(y, "~ treat +", covariates)), study, "cluster")
  result[[paste0("synth_", y, "_plain")]] <- fit_table(as.formula(paste(y, "~ treat")), study, "cluster")
}
for (y in c("y1", "y3", "y5"))
  result[[paste0("attrition_", y)]] <- fit_table(as.formula(paste(y, "~ treat +", covariates)), complete(y), "cluster")
toy$year <- toy$cal - 2020
result$mtbtoy <- fit_table(y ~ treat + y0 + x + year, toy, "muni", c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"))
# fixed effects of the municipality by demeaning, which leaves the cluster-robust types below as with dummies
used <- c("y", "treat", "y0", "x", "year")
toy[used] <- lapply(toy[used], function(v) v - ave(v, toy$muni))
result$mtbtoy_demeaned <- fit_table(y ~ 0 + treat + y0 + x + year, toy, "muni", c("CR0", "CR1", "CR2", "CR3"))
write_json(result, "made_ols_cr.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
