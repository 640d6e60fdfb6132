"""Classes in one data set, learnt with the help of another whose images look different.

References
----------
Ganin, Y. & Lempitsky, V. (2015). Unsupervised domain adaptation by backpropagation. ICML. doi:10.48550/arXiv.1409.7495
"""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003  (the signature is the schema, read when it is used)
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from pydantic import NonNegativeFloat  # noqa: TC002  (likewise)
from torch.nn import functional

from fimbria.errors import ComponentError, Problem, listing, refuse
from fimbria.learning.outputs import Domains, Outputs
from fimbria.learning.tasks.classification import Classification
from fimbria.learning.tasks.task import task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fimbria.data.cohort.cohort import Cohort

_UNKNOWN = -1


@task("domain-adaptation")
class DomainAdaptation:
    """Tell classes apart in a target data set, from labelled people of others and few, or none, of its own.

    The network has a head for the source, one for the target, and one that tells which of them an image is from, whose
    gradient is reversed. Sessions of the target data set need no label; it is validated on those of them that have one.

    Parameters
    ----------
    target
        Name of the data set to learn for; every other one is a source.
    label, positive, loss, classes, counts
        As of a classification.
    domain_weight
        Weight of the loss that tells the data sets apart.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (what is chosen, and what the training people complete)
        self,
        target: str,
        label: str = "diagnosis",
        positive: str | None = None,
        loss: str | dict[str, Any] = "cross-entropy",
        domain_weight: NonNegativeFloat = 0.1,
        classes: Sequence[str] = (),
        counts: Sequence[float] = (),
    ) -> None:
        self.target, self.domain_weight = target, domain_weight
        self._options: dict[str, Any] = {"label": label, "positive": positive, "loss": loss}
        self._classes = Classification(**self._options, classes=classes, counts=counts)
        self.columns = self._classes.columns
        self.outputs = self._classes.outputs
        self.metrics = self._classes.metrics

    @property
    def fitted(self) -> Mapping[str, Any]:
        """As of a classification."""
        return self._classes.fitted

    def fit(self, cohort: Cohort) -> Self:
        """Take the classes from the training people that have a label.

        Raises
        ------
        ProblemsError
            When nobody is of the target data set, or of another, or a label cannot be learnt.
        """
        here = cohort.frame["dataset"] == self.target
        names = listing(sorted(set(cohort.frame["dataset"]))) or "none"
        refuse(
            "the data sets",
            [
                Problem(f"nobody in training is of {what}; there is: {names}", "name data sets with --cohort NAME=PATH")
                for what, side in ((f"the target data set {self.target!r}", here), ("a source", ~here))
                if not side.any()
            ],
        )
        fitted = self._classes.fit(self._labelled(cohort)).fitted
        return type(self)(self.target, **{**self._options, **fitted}, domain_weight=self.domain_weight)

    def _labelled(self, cohort: Cohort) -> Cohort:
        """Keep whoever has a label, and everybody of a source, who needs one."""
        known = cohort.column(self.columns[0]).notna() | (cohort.frame["dataset"] != self.target)
        return cohort.keep(known.to_numpy(), "has a label, or is of a source")

    def targets(self, cohort: Cohort) -> Tensor:
        """Give class (-1 where it is not known) and domain (0 source, 1 target) of each session: ``(session, 2)``, int64.

        Raises
        ------
        ProblemsError
            For labels of a source that are missing, and any that is no class.
        """
        known = cohort.column(self.columns[0]).notna() | (cohort.frame["dataset"] != self.target)
        codes = torch.full((len(cohort),), _UNKNOWN)
        codes[torch.tensor(known.to_numpy(bool))] = self._classes.targets(self._labelled(cohort))
        domains = torch.tensor((cohort.frame["dataset"] == self.target).to_numpy(np.int64))
        return torch.stack([codes, domains], dim=1)

    def validates(self, cohort: Cohort) -> Sequence[bool]:
        """Tell which sessions are of the target data set and have a label.

        Raises
        ------
        ProblemsError
            When there is none.
        """
        validated = (cohort.frame["dataset"] == self.target) & cohort.column(self.columns[0]).notna()
        what = f"nobody of {cohort.name} is of the target data set {self.target!r} and has a {self.columns[0]}"
        refuse("the data sets", [] if validated.any() else [Problem(what, "put some of its labelled people there")])
        told: list[bool] = validated.tolist()
        return told

    def loss(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Give the loss of each sample: of its class by the head of its domain, and of telling its domain.

        Raises
        ------
        ComponentError
            When the network has no heads for domains.
        """
        if not isinstance(outputs, Domains):
            msg = "domain adaptation is learnt by networks with a head for each domain: --network.name conv5-fc3-ssda."
            raise ComponentError(msg)
        of_target = (targets[:, 1] == 1)[:, None]
        of_class = self._of_class(torch.where(of_target, outputs.target, outputs.source), targets)
        of_domain = functional.cross_entropy(outputs.domain, targets[:, 1], reduction="none")
        return of_class + self.domain_weight * of_domain

    def _of_class(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sample's class; 0 where it is not known."""
        codes = targets[:, 0]
        return torch.where(codes != _UNKNOWN, self._classes.loss(logits, codes.clamp(min=0)), 0.0)

    def read(self, outputs: Outputs, targets: Tensor | None) -> Mapping[str, NDArray[Any]]:
        """Give what the target's head says, as of a classification; the true class is empty where it is not known."""
        logits = outputs.target if isinstance(outputs, Domains) else torch.as_tensor(outputs)
        columns = dict(self._classes.read(logits, None))
        if targets is not None:
            codes = targets[:, 0].cpu()
            names = np.asarray([*self._classes.classes, None], dtype=object)
            columns["true_label"] = names[codes.numpy()]
            columns["loss"] = self._of_class(logits.cpu().double(), targets.cpu()).numpy()
        return columns
