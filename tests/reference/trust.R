# Second sources for the tables on trust: average risk differences (stats, clubSandwich), proportional odds (MASS),
# spread of effects (metafor).
suppressPackageStartupMessages({library(clubSandwich); library(MASS); library(metafor); library(jsonlite)})

study <- read.csv("synth_study.csv")

# Average difference that treat makes, its gradient by central differences, its variance by the delta method.
average_difference <- function(fit, name) {
  data <- fit$data
  at <- function(b, value) {
    data[[name]] <- value
    mean(fit$family$linkinv(model.matrix(formula(fit), data) %*% b))
  }
  effect <- function(b) at(b, 1) - at(b, 0)
  b <- coef(fit)
  step <- 1e-6
  gradient <- sapply(seq_along(b), function(j) {
    e <- replace(numeric(length(b)), j, step)
    (effect(b + e) - effect(b - e)) / (2 * step)
  })
  se <- function(type) sqrt(drop(gradient %*% vcovCR(fit, cluster = data$cluster, type = type) %*% gradient))
  list(estimate = effect(b), gradient = gradient, CR0 = se("CR0"), CR2 = se("CR2"))
}
logit <- glm(placed ~ treat + x7_stress, data = study, family = binomial(),
             control = glm.control(epsilon = 1e-15, maxit = 100))
poisson_fit <- glm(placed ~ treat + x7_stress, data = study, family = poisson(),
                   control = glm.control(epsilon = 1e-15, maxit = 100))

study$grade <- cut(study$y1, quantile(study$y1, c(0, .5, .8, .95, 1)), include.lowest = TRUE, ordered_result = TRUE)
odds <- polr(grade ~ treat + x1_baseline + x2_age, data = study, method = "logistic",
             control = list(reltol = 1e-16, maxit = 1000))

# Effects of thirteen trials (BCG vaccine, metafor's data), and the same with errors that are correlated.
trials <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
reml <- rma(yi, vi, data = trials, control = list(threshold = 1e-14, maxiter = 10000))
laird <- rma(yi, vi, data = trials, method = "DL")
V <- .3 * sqrt(outer(trials$vi, trials$vi)) + .7 * diag(trials$vi)
correlated <- rma.mv(yi, V, random = ~ 1 | trial, data = trials)

write_json(list(
  logit = average_difference(logit, "treat"),
  poisson = average_difference(poisson_fit, "treat"),
  ordinal = list(coef = unname(coef(odds)), thresholds = unname(odds$zeta), log_likelihood = as.numeric(logLik(odds)),
                 codes = as.integer(study$grade)),
  spread = list(y = as.numeric(trials$yi), v = as.numeric(trials$vi), tau2_reml = reml$tau2, tau2_dl = laird$tau2,
                mean = as.numeric(reml$b), se = reml$se, q = reml$QE, q_p = reml$QEp,
                tau2_interval = unname(confint(reml, control = list(tol = 1e-13))$random[1, 2:3])),
  correlated = list(tau2 = correlated$sigma2, mean = as.numeric(correlated$b), se = correlated$se, q = correlated$QE)
), "made_trust.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
