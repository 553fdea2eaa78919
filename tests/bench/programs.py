"""Each program's way to fit the treatment effect on 30 outcomes: a factory that imports it and returns a function.

The function makes all fits anew and returns p values (30,) by method, in the conventions of `mtb_eval.inference.panel`,
so that a benchmark also shows whether two programs did the same. Where a program scales its standard error in its own
way, the known factor is taken out after the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from study import OUTCOMES, StudyTable

Array = NDArray[np.float64]
PValues = dict[str, Array]
Run = Callable[[], PValues]
Factory = Callable[[StudyTable], Run]


def ours(methods: tuple[str, ...], table: StudyTable, *, intervals: bool = False) -> Run:
    """Return a run of our panel, from rows to p values."""
    from mtb_eval.inference.cross import cross_products
    from mtb_eval.inference.panel import few_cluster_panel

    def run() -> PValues:
        cross = cross_products(table.x, table.y, table.cluster)
        panel = few_cluster_panel(cross, table.contrast, methods=methods, wild_intervals=intervals)
        return dict(zip(methods, panel.p, strict=True))

    return run


def ours_from_a_frame(table: StudyTable) -> Run:
    """Return a run of `fit` on the frame: effect table with intervals, counts and checks of the input."""
    from mtb_eval.analysis.fit import fit

    def run() -> PValues:
        rows = fit(table.frame, y=OUTCOMES, treat="treat", cluster="cluster", x=table.covariates)
        p = rows["p"].to_numpy().reshape(len(OUTCOMES), -1).T
        return dict(zip(("cr1", "cr2", "cv3", "wcr11", "wcr31", "lmm_kr"), p, strict=True))

    return run


def pyfixest_robust(table: StudyTable) -> Run:
    """Return a run of CRV1 and CRV3, the latter without its factor G/(G-1) (N-1)/(N-k) and with (G-1)/G."""
    import pyfixest as pf
    from scipy import stats

    n, k = table.x.shape
    g = np.unique(table.cluster).size
    cv3 = np.sqrt((g - 1) / g * (g - 1) / g * (n - k) / (n - 1))

    def run() -> PValues:
        cr1s, t3 = [], []
        for y in OUTCOMES:
            cr1s.append(pf.feols(table.formula(y), data=table.frame, vcov={"CRV1": "cluster"}).pvalue()["treat"])
            t3.append(pf.feols(table.formula(y), data=table.frame, vcov={"CRV3": "cluster"}).tstat()["treat"])
        return {"cr1s": np.array(cr1s), "cv3": 2 * stats.t.sf(np.abs(np.array(t3)) / cv3, g - 1)}

    return run


def pyfixest_wild(table: StudyTable) -> Run:
    """Return a run of the wild bootstrap of pyfixest; at ten clusters it enumerates all sign vectors."""
    import pyfixest as pf

    def run() -> PValues:
        fits = [pf.feols(table.formula(y), data=table.frame, vcov={"CRV1": "cluster"}) for y in OUTCOMES]

        def p(kind: str) -> Array:
            tests = (f.wildboottest(param="treat", reps=9999, seed=1, bootstrap_type=kind) for f in fits)
            return np.array([float(t["Pr(>|t|)"]) for t in tests])

        return {"wcr11": p("11"), "wcr31": p("31")}

    return run


def wildboottest_wild(table: StudyTable) -> Run:
    """Return a run of the wildboottest package on least squares by statsmodels."""
    import statsmodels.formula.api as smf
    from wildboottest.wildboottest import wildboottest

    def run() -> PValues:
        models = [smf.ols(table.formula(y), table.frame) for y in OUTCOMES]

        def p(kind: str) -> Array:
            test = partial(wildboottest, param="treat", cluster=table.frame["cluster"], B=9999, seed=1, show=False)
            return np.array([float(test(m, bootstrap_type=kind)["p-value"].iloc[0]) for m in models])

        return {"wcr11": p("11"), "wcr31": p("31")}

    return run


def statsmodels_robust(table: StudyTable) -> Run:
    """Return a run of least squares with cluster-robust covariance and t(G-1)."""
    import statsmodels.formula.api as smf

    def run() -> PValues:
        options = {"cov_type": "cluster", "cov_kwds": {"groups": table.cluster}, "use_t": True}
        fits = (smf.ols(table.formula(y), table.frame).fit(**options) for y in OUTCOMES)
        return {"cr1s": np.array([float(f.pvalues["treat"]) for f in fits])}

    return run


def statsmodels_mixed(table: StudyTable) -> Run:
    """Return a run of MixedLM with its defaults; it has no degrees of freedom, only z."""
    import statsmodels.formula.api as smf

    def run() -> PValues:
        fits = (smf.mixedlm(table.formula(y), table.frame, groups=table.cluster).fit() for y in OUTCOMES)
        return {"lmm_z": np.array([float(f.pvalues["treat"]) for f in fits])}

    return run


def linearmodels_robust(table: StudyTable) -> Run:
    """Return a run of IV2SLS without instruments, which is least squares, with clustered covariance."""
    from linearmodels.iv import IV2SLS
    from scipy import stats

    x = table.frame[["treat", *table.covariates]].assign(constant=1.0)
    g = np.unique(table.cluster).size

    def run() -> PValues:
        options = {"cov_type": "clustered", "clusters": table.cluster, "debiased": True}
        fits = (IV2SLS(table.frame[y], x, None, None).fit(**options) for y in OUTCOMES)
        t = np.array([float(f.tstats["treat"]) for f in fits])
        return {"cr1s": 2 * stats.t.sf(np.abs(t), g - 1)}

    return run


def lme_python_mixed(df: str, table: StudyTable) -> Run:
    """Return a run of lme-python with "satterthwaite" or "kenward_roger", its design prepared once."""
    import lme_python

    frame = table.frame.assign(municipality=table.frame["cluster"].astype(str))
    prepared = lme_python.prepare_lmer(table.formula("y1") + " + (1 | municipality)", frame)
    values = [table.frame[y].tolist() for y in OUTCOMES]
    names = {"satterthwaite": "lmm_satterthwaite", "kenward_roger": "lmm_kr"}

    def run() -> PValues:
        p = []
        for y in values:
            fit = lme_python.fit_prepared(prepared, y=y)
            getattr(fit, f"with_{df}")(frame)
            p.append(getattr(fit, f"{df}_p_values")[fit.fixed_names.index("treat")])
        return {names[df]: np.array(p)}

    return run


PEERS: dict[str, Factory] = {
    "pyfixest CRV1, CRV3": pyfixest_robust,
    "statsmodels OLS, cluster": statsmodels_robust,
    "linearmodels IV2SLS, cluster": linearmodels_robust,
    "pyfixest wildboottest": pyfixest_wild,
    "wildboottest": wildboottest_wild,
    "statsmodels MixedLM": statsmodels_mixed,
    "lme-python, Satterthwaite": partial(lme_python_mixed, "satterthwaite"),
    "lme-python, Kenward-Roger": partial(lme_python_mixed, "kenward_roger"),
}
