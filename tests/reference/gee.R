# GEE by geepack; bias-reduced covariances written out from their formulas at geepack's estimates.
suppressPackageStartupMessages({library(geepack); library(jsonlite)})

power_of <- function(a, power) { # of a matrix with real eigenvalues
  e <- eigen(a)
  Re(e$vectors %*% diag(e$values^power, nrow(a)) %*% solve(e$vectors))
}

covariances <- function(x, y, id, beta, alpha, family) {
  mu <- family$linkinv(drop(x %*% beta))
  v <- family$variance(mu)
  d <- x * family$mu.eta(drop(x %*% beta))
  groups <- split(seq_along(y), id)
  working <- lapply(groups, function(i) sqrt(v[i]) * t(sqrt(v[i]) * (diag(1 - alpha, length(i)) + alpha)))
  weighted <- Map(function(i, w) t(d[i, , drop = FALSE]) %*% solve(w), groups, working)
  m <- solve(Reduce(`+`, Map(function(k, i) k %*% d[i, , drop = FALSE], weighted, groups)))
  score <- function(kind) function(k, i) {
    h <- d[i, , drop = FALSE] %*% m %*% k
    e <- y[i] - mu[i]
    if (kind == "FG") return(drop(k %*% e) / sqrt(1 - pmin(0.75, diag(k %*% d[i, , drop = FALSE] %*% m))))
    a <- switch(kind, CR0 = diag(length(i)), CR3 = solve(diag(length(i)) - h), KC = power_of(diag(length(i)) - h, -0.5))
    drop(k %*% a %*% e)
  }
  se <- function(kind) {
    s <- mapply(score(kind), weighted, groups)
    sqrt(diag(m %*% (s %*% t(s)) %*% m))
  }
  sapply(c("CR0", "CR3", "KC", "FG"), function(kind) unname(se(kind)), simplify = FALSE)
}

fit_table <- function(formula, data, id, family, corstr, jack = TRUE) {
  data <- data[order(data[[id]]), ]
  data$id_ <- as.integer(factor(data[[id]]))
  control <- geese.control(epsilon = 1e-13, maxit = 500)
  fit <- geeglm(formula, data = data, id = id_, family = family, corstr = corstr, control = control)
  alpha <- if (corstr == "independence") 0 else unname(fit$geese$alpha)
  out <- list(names = names(coef(fit)), coef = unname(coef(fit)), alpha = alpha, phi = unname(fit$geese$gamma),
              se = sqrt(diag(fit$geese$vbeta)))
  out$covariance <- covariances(model.matrix(fit), fit$y, data$id_, coef(fit), alpha, fit$family)
  if (jack) out$jackknife_se <- sqrt(diag(update(fit, std.err = "fij")$geese$vbeta.fij))
  out
}

study <- read.csv("synth_study.csv")
toy <- read.csv("mtbtoy.csv")
toy$year <- toy$cal - 2020
own <- read.csv("dietox.csv")
continuous <- y4 ~ treat + x1_baseline + x2_age + x3_male
result <- list(
  dietox_exchangeable = fit_table(Weight ~ Cu + Time, own, "Pig", gaussian(), "exchangeable"),
  dietox_independence = fit_table(Weight ~ Cu + Time, own, "Pig", gaussian(), "independence"),
  synth_y4_exchangeable = fit_table(continuous, study, "cluster", gaussian(), "exchangeable"),
  synth_placed_exchangeable = fit_table(placed ~ treat, study, "cluster", binomial(), "exchangeable", jack = FALSE),
  synth_placed_independence = fit_table(placed ~ treat, study, "cluster", binomial(), "independence"),
  mtbtoy_exchangeable = fit_table(y ~ treat + y0 + x + year, toy, "muni", gaussian(), "exchangeable")
)
write_json(result, "made_gee.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
