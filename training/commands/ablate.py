"""densehybrid ablate NAME --root DIR --weights FILE …: what the hybrid score owes to each of its two parts.

Table 5 (top) of the paper on any data set of `densehybrid evaluate`: the hybrid score, the likelihood and the dataset
posterior of which it is made, and MSP, for one or several weights files, as of a closed-set network, one trained with
synthetic negatives and one trained with real ones. --also adds scores to them, as the density of pre-logits at the
bottom of Table 5: --also pre_logit_flow, with what `densehybrid fit-score` wrote beside each weights file. All other
options are those of `densehybrid evaluate`.
"""

from __future__ import annotations

import argparse

from densehybrid_ros.training.commands.compare import add_weights, compared, show
from densehybrid_ros.training.commands.evaluate import scores_named
from densehybrid_ros.training.reports.comparison import comparison_table, hybrid_gain_table
from densehybrid_ros.training.reports.outputs import add_outputs

SCORES = ("msp", "likelihood", "posterior", "hybrid")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid ablate", description=__doc__, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help="a data set; --root and --split as for densehybrid evaluate")
    parser.add_argument("--also", default="none", metavar="SCORES", help="further ones, named as for evaluate")
    add_weights(parser)
    add_outputs(parser)
    options, others = parser.parse_known_args(argv)
    if any(each.partition("=")[0] == "--scores" for each in others):
        parser.error(f"--scores is not for ablate, which takes {', '.join(SCORES)}; --also adds others to them")
    scores = dict.fromkeys([*SCORES, *scores_named(options.also)])
    results = compared(options, [[options.name]], [*others, "--scores", ",".join(scores)])
    gain = hybrid_gain_table(results)
    show([comparison_table(results), *([gain] if gain else [])], results, options)
