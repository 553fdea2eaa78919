# Random-intercept models by REML (lme4), Satterthwaite (lmerTest) and Kenward-Roger (pbkrtest).
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(pbkrtest); library(jsonlite)})
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-2, rhoend = 1e-12, maxfun = 1e6), calc.derivs = FALSE)

fit_table <- function(formula, data) {
  fit <- suppressMessages(suppressWarnings(lmer(formula, data = data, REML = TRUE, control = tight)))
  components <- as.data.frame(VarCorr(fit))$vcov
  names_ <- names(fixef(fit))
  kr_vcov <- suppressMessages(vcovAdj(fit))
  contrast <- function(j) as.numeric(seq_along(names_) == j)
  kr <- lapply(seq_along(names_), function(j) getKR(suppressMessages(KRmodcomp(fit, matrix(contrast(j), 1))), "ddf"))
  satterthwaite <- sapply(seq_along(names_), function(j) contest1D(fit, contrast(j))[["df"]])
  list(names = names_, n = nobs(fit), coef = unname(fixef(fit)), se = sqrt(diag(as.matrix(vcov(fit)))),
       vc_group = components[1], vc_residual = components[2], reml_criterion = as.numeric(REMLcrit(fit)),
       satterthwaite_df = unname(satterthwaite), kr_se = unname(sqrt(diag(as.matrix(kr_vcov)))), kr_df = unlist(kr))
}

covariates <- "x1_baseline + x2_age + x3_male + x4_immigrant + x5_education + x6_single + x7_stress + x8_urban"
study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")
toy$year <- toy$cal - 2020
result <- list()
for (y in c("y1", "y2", "y4", "y6")) {
  result[[paste0("synth_", y)]] <- fit_table(as.formula(paste(y, "~ treat +", covariates, "+ (1 | cluster)")), study)
  result[[paste0("synth_", y, "_plain")]] <- fit_table(as.formula(paste(y, "~ treat + (1 | cluster)")), study)
}
result$mtbtoy <- fit_table(y ~ treat + y0 + x + year + (1 | muni), toy)
data("beets", package = "pbkrtest")
result$beets <- fit_table(sugpct ~ block + sow + harvest + (1 | block:harvest), beets)
result$sleepstudy <- fit_table(Reaction ~ Days + (1 | Subject), lme4::sleepstudy)
result$dyestuff <- fit_table(Yield ~ 1 + (1 | Batch), lme4::Dyestuff)
sow <- update(lmer(sugpct ~ block + sow + harvest + (1 | block:harvest), beets, control = tight), . ~ . - sow)
full <- lmer(sugpct ~ block + sow + harvest + (1 | block:harvest), beets, control = tight)
test <- KRmodcomp(full, sow)$test
result$beets_sow_joint <- list(F = test["Ftest", "stat"], ndf = test["Ftest", "ndf"], ddf = test["Ftest", "ddf"],
                               p = test["Ftest", "p.value"])
write_json(result, "made_lmm.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
