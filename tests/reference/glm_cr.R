# Logistic and modified Poisson regression with cluster-robust types (clubSandwich); glm run to convergence, since
# its default stops with weights that are right to seven digits only.
suppressPackageStartupMessages({library(clubSandwich); library(jsonlite)})

fit_table <- function(formula, data, cluster, family) {
  fit <- glm(formula, data = data, family = family, control = glm.control(epsilon = 1e-15, maxit = 100))
  types <- c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")
  one_type <- function(type) {
    test <- coef_test(fit, vcov = vcovCR(fit, cluster = data[[cluster]], type = type), test = "Satterthwaite")
    list(se = test$SE, df = test$df_Satt, p = test$p_Satt)
  }
  c(list(names = names(coef(fit)), coef = unname(coef(fit))), setNames(lapply(types, one_type), types))
}

study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")
result <- list(
  synth_logit = fit_table(placed ~ treat + x7_stress, study, "cluster", binomial()),
  synth_poisson = fit_table(placed ~ treat + x7_stress, study, "cluster", poisson()),
  mtbtoy_poisson = fit_table(placed ~ treat, toy, "muni", poisson()),
  mtbtoy_visits_poisson = fit_table(visits ~ x + y0, toy[toy$treat == 1, ], "muni", poisson())
)
write_json(result, "made_glm_cr.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
