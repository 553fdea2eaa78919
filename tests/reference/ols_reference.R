# Reference numbers for OLS and weighted least squares with cluster-robust covariances, and for joint tests.
# R 4.2, clubSandwich 0.5.8, jsonlite. Reads mtbtoy.csv, writes ols_reference.json beside this script.
suppressMessages({library(clubSandwich); library(jsonlite)})
types <- c("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")

d <- read.csv("mtbtoy.csv")
# clubSandwich works with the square of the design: a calendar year near 2018 costs it 8 digits, so it is centred.
d$cal <- d$cal - 2020
d$w <- 0.25 + (d$id %% 7) / 3
d$flat <- 2.5
d$steep <- 10^((d$id %% 5) - 2)
d$half <- (d$id * 13) %% 4

one <- function(m, cluster, types) {
  fits <- lapply(setNames(types, types), function(type) {
    V <- vcovCR(m, cluster = cluster, type = type)
    test <- coef_test(m, vcov = V, test = "Satterthwaite")
    list(se = unname(sqrt(diag(V))), df = test$df_Satt, p = test$p_Satt, vcov = unname(as.matrix(V)))
  })
  list(columns = names(coef(m)), coef = unname(coef(m)), fits = fits)
}

joint <- function(m, cluster, constraints, types) {
  lapply(setNames(types, types), function(type) {
    V <- vcovCR(m, cluster = cluster, type = type)
    tests <- Wald_test(m, constraints = constraints, vcov = V, test = c("HTZ", "Naive-F", "chi-sq"))
    list(test = as.character(tests$test), Fstat = tests$Fstat, df_num = tests$df_num, df_denom = tests$df_denom,
         p = tests$p_val)
  })
}

plain <- lm(y ~ treat + y0 + x + cal, d)
fixed <- lm(y ~ treat + y0 + x + cal + muni, d)
weighted <- lm(y ~ treat + y0 + x + cal, d, weights = w)
flat <- lm(y ~ treat + y0 + x + cal, d, weights = flat)
steep <- lm(y ~ treat + y0 + x + cal, d, weights = steep)
fixed_weighted <- lm(y ~ treat + y0 + x + cal + factor(half), d, weights = w)
interaction <- lm(y ~ treat + y0 + x + cal + treat:cal, d)

saddle <- function(m, type) coef_test(m, vcovCR(m, d$muni, type), test = "saddlepoint")
out <- list(
  R = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich")),
  plain = one(plain, d$muni, types),
  # CR3 with cluster dummies inverts a singular matrix in clubSandwich, and CR1p needs more clusters than columns.
  fixed = one(fixed, d$muni, c("CR0", "CR1", "CR1S", "CR2")),
  weighted = one(weighted, d$muni, types),
  flat = one(flat, d$muni, types),
  steep = one(steep, d$muni, types),
  fixed_weighted = one(fixed_weighted, d$muni, types),
  joint_plain = joint(plain, d$muni, constrain_zero(2:4), types),
  joint_interaction = joint(interaction, d$muni, constrain_zero(c(2, 6)), types),
  joint_equal = joint(plain, d$muni, rbind(c(0, 1, -1, 0, 0), c(0, 0, 1, -1, 2)), c("CR1", "CR2")),
  joint_weighted = joint(weighted, d$muni, constrain_zero(2:3), types),
  saddlepoint = list(CR1 = saddle(plain, "CR1")$p_saddle, CR2 = saddle(plain, "CR2")$p_saddle,
                     CR3 = saddle(plain, "CR3")$p_saddle)
)
writeLines(toJSON(out, digits = I(17), auto_unbox = TRUE, pretty = TRUE), "ols_reference.json")
