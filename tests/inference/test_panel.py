"""The panel holds exactly what its methods give one by one, for any batch."""

import numpy as np
import pytest

from mtb_eval.inference.cross import cross_products
from mtb_eval.inference.kenward_roger import kenward_roger
from mtb_eval.inference.mixed import fit_mixed
from mtb_eval.inference.ols import ols
from mtb_eval.inference.panel import DEFAULT_PANEL, few_cluster_panel
from mtb_eval.inference.sandwich import cluster_robust
from mtb_eval.inference.wild import wild_bootstrap

CONTRAST = np.array([0.0, 1.0, 0.0])
FIELDS = ("estimate", "se", "df", "ci_low", "ci_high", "p")


def make_cross(outcomes=(2, 3), missing=False):
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(7), [9, 4, 12, 6, 15, 8, 5])
    x = np.column_stack([np.ones(cluster.size), rng.random(cluster.size) < 0.6, rng.standard_normal(cluster.size)])
    y = 0.3 * rng.standard_normal((*outcomes, 7))[..., cluster] + rng.standard_normal((*outcomes, cluster.size))
    if missing:
        y[..., 1, ::5] = np.nan
    return cross_products(x, y, cluster)


@pytest.mark.parametrize("missing", [False, True])
def test_the_panel_is_its_methods_one_by_one(missing):
    cross = make_cross(missing=missing)
    fit = ols(cross)
    alone = {
        "cr1": cluster_robust(fit, CONTRAST, kind="CR1", reference="G-1"),
        "cr2": cluster_robust(fit, CONTRAST, kind="CR2"),
        "cv3": cluster_robust(fit, CONTRAST, kind="CV3", reference="G-1"),
        "wcr11": wild_bootstrap(cross, CONTRAST, variant="wcr11").as_estimate,
        "wcr31": wild_bootstrap(cross, CONTRAST, variant="wcr31").as_estimate,
        "lmm_kr": kenward_roger(fit_mixed(cross), CONTRAST),
    }
    panel = few_cluster_panel(cross, CONTRAST, wild_intervals=True)
    assert panel.methods == DEFAULT_PANEL == tuple(alone)
    assert panel.conventions == tuple(row.method for row in alone.values())
    for i, row in enumerate(alone.values()):
        for field in FIELDS:
            here = getattr(panel, field)[i]
            assert here.shape == (2, 3)
            np.testing.assert_allclose(here, np.broadcast_to(getattr(row, field), (2, 3)), rtol=1e-12)


def test_methods_come_in_the_order_asked_and_without_bootstrap_intervals_unless_asked():
    panel = few_cluster_panel(make_cross(outcomes=()), CONTRAST, methods=("wcr31", "lmm_z", "cr2"))
    assert panel.p.shape == (3,)
    assert np.isnan(panel.ci_low).tolist() == [True, False, False]
    assert np.isinf(panel.df).tolist() == [False, True, False]
    assert "WCR31" in panel.conventions[0]


@pytest.mark.parametrize(("methods", "named"), [(("cr2", "hc9"), "hc9"), ((), "no method is named")])
def test_unknown_methods_and_none_are_refused(methods, named):
    with pytest.raises(ValueError, match=named):
        few_cluster_panel(make_cross(), CONTRAST, methods=methods)
