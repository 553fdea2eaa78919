# Firth's logistic regression (brglm2); profile penalised likelihood by a general optimiser and root finder.
suppressPackageStartupMessages({library(brglm2); library(jsonlite)})

penalised <- function(beta, x, y) {
  eta <- drop(x %*% beta)
  w <- plogis(eta) * plogis(-eta)
  sum(y * eta - log1p(exp(eta))) + as.numeric(determinant(crossprod(x * sqrt(w)))$modulus) / 2
}

profile_of <- function(x, y, beta, column) {
  top <- penalised(beta, x, y)
  fall <- function(value) {
    free <- beta[-column]
    put <- function(b) append(b, value, column - 1)
    if (length(free) == 0) return(2 * (top - penalised(value, x, y)))
    best <- free
    for (round in 1:3) best <- optim(best, function(b) -penalised(put(b), x, y), method = "BFGS",
                                     control = list(reltol = 1e-16, maxit = 1000))$par
    2 * (top - penalised(put(best), x, y))
  }
  limit <- function(sign) {
    far <- beta[column] + sign * 8
    uniroot(function(b) fall(b) - qchisq(0.95, 1), sort(c(beta[column], far)), tol = 1e-11)$root
  }
  list(ci_low = limit(-1), ci_high = limit(1), p = pchisq(fall(0), 1, lower.tail = FALSE))
}

fit_table <- function(formula, data) {
  fit <- glm(formula, data = data, family = binomial(), method = "brglmFit", type = "AS_mean", epsilon = 1e-13, maxit = 1000)
  x <- unname(model.matrix(fit))
  beta <- unname(coef(fit))
  profiles <- lapply(seq_along(beta), function(j) profile_of(x, fit$y, beta, j))
  list(names = names(coef(fit)), coef = beta, se = unname(sqrt(diag(vcov(fit)))),
       penalised_log_likelihood = penalised(beta, x, fit$y), ci_low = sapply(profiles, `[[`, "ci_low"),
       ci_high = sapply(profiles, `[[`, "ci_high"), p = sapply(profiles, `[[`, "p"))
}

study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")
result <- list(
  mtbtoy = fit_table(placed ~ treat + x, toy),
  synth_placed = fit_table(placed ~ treat + x7_stress + x6_single, study),
  synth_separated = fit_table(placed ~ treat + quiet, transform(study, quiet = as.numeric(placed == 0 & x6_single == 1)))
)
write_json(result, "made_firth.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
