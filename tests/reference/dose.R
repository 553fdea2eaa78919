# R's numbers for the dose analyses on mtbtoy.csv -> made_dose.json
# clubSandwich (CR2, HTZ), Hmisc (restricted cubic spline), segmented (one bend, with and without its restarts).
library(clubSandwich); library(Hmisc); library(segmented); library(jsonlite)
d <- read.csv("mtbtoy.csv")
d$muni <- factor(d$muni)
knots <- c(30, 60, 85)
exact <- glm.control(epsilon = 1e-15, maxit = 100)
out <- list(versions = lapply(c(clubSandwich = "clubSandwich", Hmisc = "Hmisc", segmented = "segmented"), function(p) as.character(packageVersion(p))))

at <- c(0, 10, 29.5, 30, 45, 60, 77, 85, 90, 120)
out$spline3 <- list(x = at, basis = rcspline.eval(at, knots = knots, inclx = TRUE))
out$spline4 <- list(x = at, basis = rcspline.eval(at, knots = c(20, 40, 60, 90), inclx = TRUE))

# spline among the treated, untreated as a level of their own
b <- rcspline.eval(d$visits, knots = knots, inclx = TRUE) * d$treat
fit <- lm(d$y ~ d$treat + b + d$muni + d$y0 + d$x + d$cal)
V <- vcovCR(fit, cluster = d$muni, type = "CR2")
wald <- function(terms) {
  w <- Wald_test(fit, constraints = constrain_zero(terms), vcov = V, test = "HTZ")
  list(F = w$Fstat, df_num = w$df_num, df = w$df_denom, p = w$p_val)
}
out$line <- wald(4)
out$level <- wald(3:4)
curve <- lapply(c(20, 45, 70, 95), function(v) {
  c1 <- rep(0, length(coef(fit))); c1[2] <- 1; c1[3:4] <- rcspline.eval(v, knots = knots, inclx = TRUE)
  r <- linear_contrast(fit, vcov = V, contrasts = matrix(c1, 1), test = "Satterthwaite")
  list(visits = v, estimate = r$Est, se = r$SE, df = r$df)
})
out$curve <- curve

# every tenth cut: low and high dose in one model
out$cuts <- lapply(seq(40, 90, 10), function(k) {
  high <- as.numeric(d$treat == 1 & d$visits >= k); low <- d$treat - high
  f <- lm(d$y ~ high + low + d$muni + d$y0 + d$x + d$cal)
  W <- vcovCR(f, cluster = d$muni, type = "CR2")
  t <- coef_test(f, vcov = W, test = "Satterthwaite")
  c1 <- rep(0, length(coef(f))); c1[2:3] <- c(1, -1)
  r <- linear_contrast(f, vcov = W, contrasts = matrix(c1, 1), test = "Satterthwaite")
  list(cut = k, rss = deviance(f), high = c(t$beta[2], t$SE[2], t$df[2]), low = c(t$beta[3], t$SE[3], t$df[3]),
       difference = c(r$Est, r$SE, r$df))
})

# principal-score weights from a plain logit of 60 visits or more on y0 and x in the treated
m <- subset(d, treat == 1)
score <- glm(visits >= 60 ~ y0 + x, family = binomial, data = m, control = exact)
e <- predict(score, newdata = d, type = "response")
out$score <- unname(e[1:10])
out$principal <- lapply(c("high", "low"), function(kind) {
  s <- if (kind == "high") d$visits >= 60 else d$visits < 60
  w <- ifelse(d$treat == 1, as.numeric(s), if (kind == "high") e else 1 - e)
  k <- w > 0
  f <- lm(y ~ treat + y0 + x + cal, data = d[k, ], weights = w[k])
  t <- coef_test(f, vcov = vcovCR(f, cluster = d$muni[k], type = "CR2"), test = "Satterthwaite")
  loo <- sapply(levels(d$muni), function(g) {
    o <- d$muni != g
    s1 <- glm(visits >= 60 ~ y0 + x, family = binomial, data = d[o & d$treat == 1, ], control = exact)
    e1 <- predict(s1, newdata = d, type = "response")
    w1 <- ifelse(d$treat == 1, as.numeric(s), if (kind == "high") e1 else 1 - e1)
    coef(lm(y ~ treat + y0 + x + cal, data = d[o & w1 > 0, ], weights = w1[o & w1 > 0]))[["treat"]]
  })
  list(kind = kind, estimate = t$beta[2], se = t$SE[2], df = t$df[2], loo = unname(loo))
})

bend <- function(f, ...) {
  set.seed(1)
  s <- segmented(lm(f, data = m), seg.Z = ~visits, psi = 45, ...)
  list(psi = s$psi[1, "Est."], se = s$psi[1, "St.Err"], rss = deviance(s), rss_line = deviance(lm(f, data = m)))
}
forms <- list(y ~ visits, y ~ y0 + visits, y ~ y0 + x + visits, y ~ y0 + x + cal + visits)
out$bend <- lapply(forms, bend)
out$bend_stuck <- lapply(forms, bend, control = seg.control(n.boot = 0))
write_json(out, "made_dose.json", digits = 15, auto_unbox = TRUE)
