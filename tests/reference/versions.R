# Which R and which packages made the made_*.json files.
suppressPackageStartupMessages(library(jsonlite))
packages <- c("AER", "MASS", "brglm2", "clubSandwich", "geepack", "jsonlite", "lme4", "lmerTest", "metafor", "mice",
              "pbkrtest", "sandwich", "survival")
result <- list(R = R.version$version.string, packages = lapply(setNames(nm = packages), function(p) as.character(packageVersion(p))))
write_json(result, "made_versions.json", auto_unbox = TRUE, pretty = TRUE)
