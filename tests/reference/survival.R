# Time to placement: Kaplan-Meier areas, log-rank, Cox with cluster-robust errors, Aalen-Johansen (package survival).
suppressPackageStartupMessages({library(jsonlite); library(survival)})
toy <- read.csv("mtbtoy.csv")

# A second study with ties, censoring and three causes, made by arithmetic alone: no random numbers.
i <- 1:90
made <- data.frame(time = 1 + (i * 37) %% 23 + ((i * 11) %% 4) / 4, cause = c(0, 1, 2, 0, 1)[1 + (i * 7) %% 5],
                   arm = as.integer((i * 5) %% 3 == 0), stratum = (i * 13) %% 4, cluster = (i * 17) %% 7)

area <- function(time, event, until) {
  m <- summary(survfit(Surv(time, event) ~ 1), rmean = until)$table
  unname(m[c("rmean", "se(rmean)")])
}
rank_test <- function(d, formula) {
  s <- survdiff(formula, data = d)
  o <- if (is.matrix(s$obs)) rowSums(s$obs) else s$obs
  e <- if (is.matrix(s$exp)) rowSums(s$exp) else s$exp
  list(observed = unname(o), expected = unname(e), variance = s$var[2, 2], chisq = s$chisq)
}
cox <- function(d, formula) {
  f <- coxph(formula, data = d, cluster = cluster, ties = "efron")
  list(coef = unname(coef(f)), se = sqrt(diag(f$naive.var)), robust_se = sqrt(diag(f$var)))
}
toy$cluster <- toy$muni
made$event <- as.integer(made$cause == 1)
aj <- survfit(Surv(time, factor(cause, 0:2)) ~ 1, data = made)
ends <- aj$n.event[, 2] + aj$n.event[, 3] > 0
curve <- survfit(Surv(time, event) ~ 1, data = made)
hit <- curve$n.event > 0
result <- list(
  toy = list(area_control = with(toy[toy$treat == 0, ], area(time, placed, 24)),
             area_mtb = with(toy[toy$treat == 1, ], area(time, placed, 24)),
             log_rank = rank_test(toy, Surv(time, placed) ~ treat), cox = cox(toy, Surv(time, placed) ~ treat)),
  made = list(rows = made[c("time", "cause", "arm", "stratum", "cluster")],
              curve = list(time = curve$time[hit], at_risk = curve$n.risk[hit], survival = curve$surv[hit]),
              area = with(made, area(time, event, 20)),
              log_rank = rank_test(made, Surv(time, event) ~ arm),
              stratified = rank_test(made, Surv(time, event) ~ arm + strata(stratum)),
              cox = cox(made, Surv(time, event) ~ arm),
              incidence = list(time = aj$time[ends], at_risk = aj$n.risk[ends, 1], cumulative = aj$pstate[ends, 2:3],
                               se = aj$std.err[ends, 2:3]))
)
write_json(result, "made_survival.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
