# lme4 with pbkrtest, or clubSandwich, on 30 outcomes: times and p values as one line of JSON.
arguments <- commandArgs(TRUE)
started <- proc.time()[["elapsed"]]
suppressPackageStartupMessages({
  library(jsonlite)
  if (arguments[2] == "mixed") { library(lme4); library(pbkrtest) } else library(clubSandwich)
})
imported <- proc.time()[["elapsed"]] - started

study <- read.csv(arguments[1])
outcomes <- paste0("y", 1:30)
covariates <- paste(grep("^x", names(study), value = TRUE), collapse = " + ")

mixed <- function() {
  one <- function(y) {
    fit <- lmer(as.formula(paste(y, "~ treat +", covariates, "+ (1 | cluster)")), data = study, REML = TRUE)
    contrast <- matrix(as.numeric(names(fixef(fit)) == "treat"), 1)
    KRmodcomp(fit, contrast)$test["Ftest", "p.value"]
  }
  list(lmm_kr = vapply(outcomes, function(y) suppressMessages(suppressWarnings(one(y))), 0))
}

robust <- function() {
  g <- length(unique(study$cluster))
  one <- function(y) {
    fit <- lm(as.formula(paste(y, "~ treat +", covariates)), data = study)
    test <- function(type, against) coef_test(fit, vcov = type, cluster = study$cluster, coefs = "treat", test = against)
    cr1s <- test("CR1S", "naive-t")
    cr2 <- test("CR2", "Satterthwaite")
    cr3 <- test("CR3", "naive-t")
    jackknife <- cr3$SE * sqrt((g - 1) / g)
    c(2 * pt(-abs(cr1s$beta / cr1s$SE), g - 1), cr2$p_Satt, 2 * pt(-abs(cr3$beta / jackknife), g - 1))
  }
  p <- vapply(outcomes, one, numeric(3))
  list(cr1s = p[1, ], cr2 = p[2, ], cv3 = p[3, ])
}

run <- list(mixed = mixed, robust = robust)[[arguments[2]]]
p <- NULL
timed <- function() {
  at <- proc.time()
  p <<- run()
  spent <- proc.time() - at
  c(spent[["elapsed"]], spent[["user.self"]] + spent[["sys.self"]])
}
first <- timed()
warm <- replicate(3, timed())
packages <- if (arguments[2] == "mixed") c("lme4", "pbkrtest") else "clubSandwich"
versions <- c(R = paste(R.version$major, R.version$minor, sep = "."),
              sapply(packages, function(x) as.character(packageVersion(x))))
result <- list(import_s = imported, first_s = first[1], warm_s = warm[1, ], warm_cpu_s = warm[2, ],
               p = lapply(p, unname), versions = as.list(versions))
cat("\n", toJSON(result, digits = I(17), auto_unbox = TRUE), "\n", sep = "")
