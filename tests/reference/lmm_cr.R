# Cluster-robust variance and Satterthwaite df of the random-intercept model's fixed effects (clubSandwich on lmer).
suppressPackageStartupMessages({library(lme4); library(clubSandwich); library(jsonlite)})
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-2, rhoend = 1e-12, maxfun = 1e6), calc.derivs = FALSE)

fit_table <- function(formula, data) {
  fit <- lmer(formula, data = data, REML = TRUE, control = tight)
  one_type <- function(type) {
    test <- coef_test(fit, vcov = vcovCR(fit, type = type), test = "Satterthwaite")
    list(se = test$SE, df = test$df_Satt, p = test$p_Satt)
  }
  types <- c("CR0", "CR1", "CR2", "CR3")
  c(list(names = names(fixef(fit)), coef = unname(fixef(fit))), setNames(lapply(types, one_type), types))
}

study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")
toy$year <- toy$cal - 2020
result <- list(
  synth_y3 = fit_table(y3 ~ treat + x1_baseline + x2_age + x3_male + x4_immigrant + x5_education + x6_single +
                         x7_stress + x8_urban + (1 | cluster), study),
  mtbtoy = fit_table(y ~ treat + y0 + x + year + (1 | muni), toy)
)
write_json(result, "made_lmm_cr.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
