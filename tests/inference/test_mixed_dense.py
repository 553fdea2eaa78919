"""The cluster-sum formulas against the papers' formulas written out with n x n matrices, on unbalanced data."""

import numpy as np
import pytest
from scipy import stats

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.kenward_roger import kenward_roger, kenward_roger_cov, kenward_roger_joint
from mtb_eval.inference.mixed import fit_mixed, mixed_satterthwaite, mixed_z
from mtb_eval.inference.mixed_interval import icc_interval, variance_ratio_interval
from mtb_eval.inference.mixed_sandwich import mixed_cr2


class Dense:
    """The model at given variances with every matrix formed."""

    def __init__(self, x, y, cluster, variances):
        u = (cluster[:, None] == np.unique(cluster)).astype(float)
        self.x, self.y, self.cluster = x, y, cluster
        self.parts = [np.eye(len(y)), u @ u.T]  # dV / d(var_residual, var_cluster)
        self.v = sum(s * part for s, part in zip(variances, self.parts, strict=True))
        self.v_inv = np.linalg.inv(self.v)
        self.phi = np.linalg.inv(x.T @ self.v_inv @ x)
        self.b = self.phi @ x.T @ self.v_inv @ y
        self.proj = self.v_inv - self.v_inv @ x @ self.phi @ x.T @ self.v_inv

    def loglik(self, reml):
        quadratic = self.y @ self.proj @ self.y
        value = np.linalg.slogdet(self.v)[1] + quadratic + len(self.y) * np.log(2 * np.pi)
        if reml:
            value += np.linalg.slogdet(self.x.T @ self.v_inv @ self.x)[1] - self.x.shape[1] * np.log(2 * np.pi)
        return -value / 2

    def score(self, reml):
        half = self.proj if reml else self.v_inv
        return np.array([self.y @ self.proj @ k @ self.proj @ self.y - np.trace(half @ k) for k in self.parts]) / 2

    def information(self, kind, reml):
        p, half = self.proj, self.proj if reml else self.v_inv
        traces = np.array([[np.trace(half @ i @ half @ j) for j in self.parts] for i in self.parts]) / 2
        observed = np.array([[self.y @ p @ i @ p @ j @ p @ self.y for j in self.parts] for i in self.parts])
        return traces if kind == "expected" else observed - traces

    def kenward_roger(self, rows):
        """Return Phi_A, df and scale from sums over P_i and Q_ij (Kenward and Roger, 1997)."""
        x, vi, phi = self.x, self.v_inv, self.phi
        p = [-x.T @ vi @ k @ vi @ x for k in self.parts]
        w = np.linalg.inv(self.information("expected", True))
        total = sum(
            w[i, j] * (x.T @ vi @ self.parts[i] @ vi @ self.parts[j] @ vi @ x - p[i] @ phi @ p[j])
            for i in (0, 1)
            for j in (0, 1)
        )
        theta = rows.T @ np.linalg.inv(rows @ phi @ rows.T) @ rows
        terms = [theta @ phi @ p_i @ phi for p_i in p]
        a1 = sum(w[i, j] * np.trace(terms[i]) * np.trace(terms[j]) for i in (0, 1) for j in (0, 1))
        a2 = sum(w[i, j] * np.trace(terms[i] @ terms[j]) for i in (0, 1) for j in (0, 1))
        return phi + 2 * phi @ total @ phi, *self._moments(a1, a2, len(rows))

    @staticmethod
    def _moments(a1, a2, q):
        b = (a1 + 6 * a2) / (2 * q)
        g = ((q + 1) * a1 - (q + 4) * a2) / ((q + 2) * a2)
        c1, c2, c3 = np.array([g, q - g, q + 2 - g]) / (3 * q + 2 * (1 - g))
        mean = 1 / (1 - a2 / q)
        variance = 2 / q * (1 + c1 * b) / ((1 - c2 * b) ** 2 * (1 - c3 * b))
        df = 4 + (q + 2) / (q * variance / (2 * mean**2) - 1)
        return df, df / (mean * (df - 2))

    def cr2(self, contrast):
        """Return variance and df of CR2 with the n_g x n_g roots formed."""
        scores, rows = [], []
        hat = self.x @ self.phi @ self.x.T
        residual = self.y - self.x @ self.b
        for g in np.unique(self.cluster):
            at = np.flatnonzero(self.cluster == g)
            block = np.ix_(at, at)
            d = np.linalg.cholesky(self.v[block]).T
            values, vectors = np.linalg.eigh(d @ (self.v - hat)[block] @ d.T)
            kept = values > 1e-9 * values[-1]
            root = vectors[:, kept] / np.sqrt(values[kept]) @ vectors[:, kept].T
            a = d.T @ root @ d
            line = np.zeros(len(self.y))
            line[at] = contrast @ self.phi @ self.x[at].T @ np.linalg.inv(self.v[block]) @ a
            rows.append(line)
            scores.append(line @ residual)
        w = np.array(rows) @ (self.v - hat) @ np.array(rows).T
        return np.sum(np.square(scores)), np.trace(w) ** 2 / np.sum(w**2)


def _data(seed, *, recurring=False):
    rng = np.random.default_rng(seed)
    sizes = np.repeat([2, 5, 9], 9) if recurring else np.array([1, 2, 3, 5, 8, 13, 21, 4])
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    n = len(cluster)
    x = np.column_stack(
        [np.ones(n), rng.integers(0, 2, n), (np.arange(len(sizes)) % 3 == 0)[cluster], rng.gamma(2, size=n)]
    )
    y = x @ [1.0, 0.5, -1.0, 0.2] + rng.normal(0, 2, len(sizes))[cluster] + rng.standard_normal(n)
    return x, y, cluster


CASES = [(seed, recurring) for seed in (1, 2, 3, 4) for recurring in (False, True)]


@pytest.mark.parametrize(("seed", "recurring"), CASES)
@pytest.mark.parametrize("reml", [True, False])
def test_the_fit_is_a_stationary_point_with_the_papers_likelihood(seed, recurring, reml):
    x, y, cluster = _data(seed, recurring=recurring)
    m = fit_mixed(cross_products(x, y, cluster), reml=reml)
    dense = Dense(x, y, cluster, (float(m.var_residual), float(m.var_cluster)))
    assert not m.boundary
    np.testing.assert_allclose(dense.score(reml), 0, atol=1e-9 * len(y))
    np.testing.assert_allclose(m.loglik, dense.loglik(reml), rtol=1e-12)
    np.testing.assert_allclose(m.coef, dense.b, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(m.cov, dense.phi, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(m.icc, m.var_cluster / (m.var_cluster + m.var_residual), rtol=1e-14)


@pytest.mark.parametrize(("seed", "recurring"), CASES)
@pytest.mark.parametrize("reml", [True, False])
def test_satterthwaite_is_the_formula_with_the_observed_information(seed, recurring, reml):
    x, y, cluster = _data(seed, recurring=recurring)
    m = fit_mixed(cross_products(x, y, cluster), reml=reml)
    dense = Dense(x, y, cluster, (float(m.var_residual), float(m.var_cluster)))
    w = np.linalg.inv(dense.information("observed", reml))
    for contrast in np.vstack([np.eye(4), [0, 1, -1, 2]]):
        line = contrast @ dense.phi @ x.T @ dense.v_inv
        slope = np.array([line @ part @ line for part in dense.parts])
        variance = contrast @ dense.phi @ contrast
        test = mixed_satterthwaite(m, contrast)
        np.testing.assert_allclose(test.df, 2 * variance**2 / (slope @ w @ slope), rtol=1e-9)
        np.testing.assert_allclose(test.se, np.sqrt(variance), rtol=1e-10)
        np.testing.assert_allclose(mixed_z(m, contrast).p, 2 * stats.norm.sf(abs(test.estimate / test.se)), rtol=1e-9)


@pytest.mark.parametrize(("seed", "recurring"), CASES)
def test_kenward_roger_is_the_papers_formula(seed, recurring):
    x, y, cluster = _data(seed, recurring=recurring)
    m = fit_mixed(cross_products(x, y, cluster))
    dense = Dense(x, y, cluster, (float(m.var_residual), float(m.var_cluster)))
    np.testing.assert_allclose(kenward_roger_cov(m), dense.kenward_roger(np.eye(4))[0], rtol=1e-9, atol=1e-12)
    for rows in (np.eye(4)[[1]], np.eye(4)[[1, 2]], np.eye(4), np.array([[0.0, 1, -1, 2], [1, 0, 0, 3], [0, 0, 1, 1]])):
        cov, df, scale = dense.kenward_roger(rows)
        effect = rows @ dense.b
        f = scale * effect @ np.linalg.solve(rows @ cov @ rows.T, effect) / len(rows)
        test = kenward_roger_joint(m, rows)
        np.testing.assert_allclose([test.f, test.df_den, test.scale], [f, df, scale], rtol=1e-9)
        np.testing.assert_allclose(test.p, stats.f.sf(f, len(rows), df), rtol=1e-8)
    single = kenward_roger(m, np.eye(4)[1])
    joint = kenward_roger_joint(m, np.eye(4)[[1]])
    np.testing.assert_allclose(
        [joint.f, joint.df_den, joint.p], [(single.estimate / single.se) ** 2, single.df, single.p]
    )
    assert joint.scale == 1


@pytest.mark.parametrize(("seed", "recurring"), CASES)
def test_cr2_is_the_formula_with_whole_blocks(seed, recurring):
    x, y, cluster = _data(seed, recurring=recurring)
    m = fit_mixed(cross_products(x, y, cluster))
    dense = Dense(x, y, cluster, (float(m.var_residual), float(m.var_cluster)))
    for contrast in np.vstack([np.eye(4), [0, 1, -1, 2]]):
        test = mixed_cr2(m, contrast)
        variance, df = dense.cr2(contrast)
        np.testing.assert_allclose([test.se, test.df], [np.sqrt(variance), df], rtol=1e-8)


def test_cr2_takes_the_pseudo_inverse_where_one_cluster_has_a_column_of_its_own():
    x, y, cluster = _data(5)
    x = np.column_stack([x, cluster == 4])
    m = fit_mixed(cross_products(x, y, cluster))
    dense = Dense(x, y, cluster, (float(m.var_residual), float(m.var_cluster)))
    variance, df = dense.cr2(np.eye(5)[1])
    test = mixed_cr2(m, np.eye(5)[1])
    np.testing.assert_allclose([test.se, test.df], [np.sqrt(variance), df], rtol=1e-7)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_profile_interval_ends_where_the_likelihood_has_fallen_by_the_quantile(reml, level):
    low_ends = []
    for seed in range(6):
        x, y, cluster = _data(seed, recurring=True)
        m = fit_mixed(cross_products(x, y, cluster), reml=reml)
        ratio, icc = variance_ratio_interval(m, level=level), icc_interval(m, level=level)
        np.testing.assert_allclose(icc.ci_high, ratio.ci_high / (1 + ratio.ci_high), rtol=1e-14)
        size = len(y) - (4 if reml else 0)
        top = None
        for theta in (float(m.theta), float(ratio.ci_low), float(ratio.ci_high)):
            unit = Dense(x, y, cluster, (1.0, theta))
            s2 = y @ unit.proj @ y / size
            value = -2 * Dense(x, y, cluster, (s2, s2 * theta)).loglik(reml)
            if top is None:
                top = value + stats.chi2.ppf(level, 1)
            elif theta > 0:
                np.testing.assert_allclose(value, top, rtol=1e-11)
            else:
                assert value <= top
        assert ratio.ci_low <= m.theta <= ratio.ci_high
        low_ends.append(float(ratio.ci_low))
    assert max(low_ends) > 0  # an interval that does not start at the boundary was among them
