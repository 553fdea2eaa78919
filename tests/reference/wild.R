# Wild cluster bootstrap by brute force: y* is made row by row for all 2^10 sign vectors and fitted again, with base R only.
# First digit of a variant: residuals from all clusters (1) or from the other clusters (3); second digit: CR1S (1) or
# the jackknife CV3 (3), made by leaving out one cluster at a time. Column 2 of x is tested. With `within`, x, y are demeaned
# by cluster first, and 10 absorbed effects count as parameters.
suppressPackageStartupMessages(library(jsonlite))
signs <- as.matrix(expand.grid(rep(list(c(1, -1)), 10)))

fit <- function(x, y) qr.coef(qr(x), as.matrix(y))

t_rows <- function(x, y, cluster, centre, jackknife, absorbed) {
  b <- fit(x, y)[2, ]
  levels <- unique(cluster)
  g <- length(levels)
  if (jackknife) {
    left <- sapply(levels, function(l) fit(x[cluster != l, , drop = FALSE], as.matrix(y)[cluster != l, , drop = FALSE])[2, ])
    v <- (g - 1) / g * rowSums((matrix(left, ncol = g) - b)^2)
  } else {
    e <- as.matrix(y) - x %*% fit(x, y)
    a <- x %*% solve(crossprod(x))[, 2]
    scores <- sapply(levels, function(l) crossprod(a[cluster == l], e[cluster == l, , drop = FALSE]))
    n <- nrow(x)
    v <- g / (g - 1) * (n - 1) / (n - ncol(x) - absorbed) * rowSums(matrix(scores, ncol = g)^2)
  }
  (b - centre) / sqrt(v)
}

bootstrap <- function(x, y, cluster, variant, null, absorbed = 0) {
  left_out <- substr(variant, 4, 4) == "3"
  jackknife <- substr(variant, 5, 5) == "3"
  restricted <- substr(variant, 1, 3) == "wcr"
  known <- if (restricted) x[, 2] * null else 0 * y
  free <- if (restricted) x[, -2, drop = FALSE] else x
  fitted <- known
  if (ncol(free)) fitted <- known + drop(free %*% fit(free, y - known))
  residual <- y - fitted
  if (left_out && ncol(free)) for (l in unique(cluster)) {
    own <- cluster == l
    residual[own] <- (y - known - free %*% fit(free[!own, , drop = FALSE], (y - known)[!own]))[own]
  }
  ystar <- fitted + residual * t(signs[, match(cluster, unique(cluster))])
  centre <- if (restricted) null else fit(x, y)[2, ]
  t <- t_rows(x, y, cluster, null, jackknife, absorbed)
  tstar <- t_rows(x, ystar, cluster, centre, jackknife, absorbed)
  list(t = t, weak = sum(abs(tstar) >= abs(t) * (1 - 1e-9)), strict = sum(abs(tstar) > abs(t) * (1 + 1e-9)),
       greater = sum(tstar >= t - 1e-9 * abs(t)), quantile95 = unname(sort(abs(tstar))[973]))
}

end_of_interval <- function(x, y, cluster, variant, direction, absorbed = 0) {
  estimate <- fit(x, y)[2, ]
  se <- estimate / t_rows(x, y, cluster, 0, substr(variant, 5, 5) == "3", absorbed)
  kept <- function(step) bootstrap(x, y, cluster, variant, estimate + direction * step, absorbed)$weak / 1024 > .05
  near <- 0
  far <- abs(se)
  while (kept(far)) { near <- far; far <- far * 1.5 }
  while (far - near > 1e-10) { middle <- (near + far) / 2; if (kept(middle)) near <- middle else far <- middle }
  estimate + direction * (near + far) / 2
}

within <- function(v, cluster) v - ave(v, cluster)
toy <- read.csv("mtbtoy.csv")
study <- read.csv("synth_study.csv")
covariates <- grep("^x", names(study), value = TRUE)
cases <- list(
  toy = list(x = cbind(1, toy$treat, toy$y0, toy$x, toy$cal), y = toy$y, cluster = toy$muni, absorbed = 0),
  toy_within = list(x = sapply(toy[c("y0", "treat", "x", "cal")], within, toy$muni), y = within(toy$y, toy$muni),
                    cluster = toy$muni, absorbed = 10)
)
for (outcome in c("y1", "y3", "y6")) {
  cases[[outcome]] <- list(x = cbind(1, study$treat, as.matrix(study[covariates])), y = study[[outcome]],
                           cluster = study$cluster, absorbed = 0)
  cases[[paste0("nocov_", outcome)]] <- list(x = cbind(1, study$treat), y = study[[outcome]],
                                             cluster = study$cluster, absorbed = 0)
}
variants <- c("wcr11", "wcr13", "wcr31", "wcr33", "wcu11", "wcu13", "wcu31", "wcu33")
result <- lapply(cases, function(case) {
  tests <- lapply(setNames(nm = variants), function(v) list(
    null_0 = bootstrap(case$x, case$y, case$cluster, v, 0, case$absorbed),
    null_0.4 = bootstrap(case$x, case$y, case$cluster, v, .4, case$absorbed)))
  list(tests = tests)
})
for (v in c("wcr11", "wcr31", "wcr33")) for (case in c("toy", "toy_within", "nocov_y3")) {
  k <- cases[[case]]
  result[[case]]$intervals[[v]] <- sapply(c(-1, 1), function(d) end_of_interval(k$x, k$y, k$cluster, v, d, k$absorbed))
}
write_json(result, "made_wild.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
