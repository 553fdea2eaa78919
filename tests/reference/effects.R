# The effect table of the shipped synthetic study by lme4, pbkrtest, lmerTest, clubSandwich and splines::ns.
# effects_input.py writes what is read here.
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(pbkrtest); library(clubSandwich); library(jsonlite)})
families <- read.csv("effects_families.csv", fileEncoding = "UTF-8")
outcomes <- read.csv("effects_outcomes.csv", colClasses = "character", na.strings = character())
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-2, rhoend = 1e-12, maxfun = 1e6), calc.derivs = FALSE,
                     check.conv.singular = "ignore")
season <- splines::ns(families$calendar_years, df = 3)
colnames(season) <- paste0("season", 1:3)

one <- function(spec) {
  names_ <- strsplit(spec$covariates, "|", fixed = TRUE)[[1]]
  data <- cbind(families[, c("municipality", "mtb", names_)], season, y = families[[spec$column]])
  for (name in names_) data[[name]][is.na(data[[name]])] <- mean(data[[name]], na.rm = TRUE)
  kept <- !is.na(data$y)
  if (spec$among != "") kept <- kept & families[[spec$among]] %in% as.numeric(spec$equals)
  data <- data[kept, ]
  names_ <- names_[sapply(names_, function(name) length(unique(data[[name]])) > 1)]
  terms_ <- paste(c("mtb", names_), collapse = " + ")
  mixed <- suppressMessages(suppressWarnings(
    lmer(as.formula(paste("y ~", terms_, "+ (1 | municipality)")), data = data, REML = TRUE, control = tight)))
  pick <- as.numeric(names(fixef(mixed)) == "mtb")
  kr <- suppressMessages(KRmodcomp(mixed, matrix(pick, 1)))
  primary <- lm(as.formula(paste("y ~", terms_, "+ season1 + season2 + season3 + factor(municipality)")), data = data)
  cr2 <- coef_test(primary, vcov = "CR2", cluster = data$municipality, coefs = "mtb")
  list(n = nrow(data), replica = unname(fixef(mixed)["mtb"]), var_municipality = as.data.frame(VarCorr(mixed))$vcov[1],
       kr_se = unname(sqrt(diag(as.matrix(suppressMessages(vcovAdj(mixed)))))[pick == 1]), kr_df = getKR(kr, "ddf"),
       kr_p = getKR(kr, "p.value"), primary = unname(coef(primary)["mtb"]), cr2_se = cr2$SE, cr2_df = cr2$df_Satt, cr2_p = cr2$p_Satt)
}

result <- lapply(split(outcomes, seq_len(nrow(outcomes))), one)
names(result) <- outcomes$outcome
write_json(result, "made_effects.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
