"""Per-cluster cross-products: the one representation on which the inference core works.

OLS, every cluster-robust covariance, the wild bootstrap and the random-intercept likelihood need the rows of a
table only through sums of products within each cluster. These sums add up over chunks of rows, files and workers.

Two changes of variable keep them exact in double precision and change no result: columns are replaced by
`Z = X @ basis` (near orthonormal), and each outcome by `y - Z @ offset` (near its residual).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cross:
    """Sums of products by cluster, for one design and any batch of outcomes.

    Shapes, with batch axes `...`, G clusters and p columns (batch axes of the design part may be absent and then
    broadcast): `xx` (..., G, p, p) = Z'Z; `xy` (..., G, p) = Z'e; `yy` (..., G) = e'e; `n` (..., G) rows;
    `x1` (..., G, p) = Z'1; `y1` (..., G) = e'1, where Z = X @ basis and e = y - Z @ offset.
    `basis` (p, p): a contrast c of the coefficients of X is `basis.T @ c` on those of Z.
    `offset` (..., p) is added back to the coefficients of Z. `absorbed` counts absorbed fixed effects.
    """

    xx: Array
    xy: Array
    yy: Array
    n: Array
    x1: Array
    y1: Array
    basis: Array
    offset: Array
    absorbed: int = 0

    @property
    def n_clusters(self) -> int:
        """Number of clusters G."""
        return int(self.xx.shape[-3])

    @property
    def n_columns(self) -> int:
        """Number of columns p."""
        return int(self.xx.shape[-1])
