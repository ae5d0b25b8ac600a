"""The cleanup of the flow engines: where its interval is part of the result, and where not."""

from dataclasses import replace

import torch
from energy_flow_runs import after, tiny, variants

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1

torch.set_num_threads(1)

REPAIRED = v1.REPAIRED


def shares(version, interval, rules=None):
    """Share of the output that is not zero, over three equal forwards of 7 steps."""
    case = tiny(version, depth=40, longest=7, cleanup=interval, rules=rules)
    case = replace(case, stop=v1.Stop(99, 1, 99), capacity=600, spawn=v1.Spawn(9.0, 0), scale=3.0)
    state, found = version.engine.initial(case), []
    for _ in range(3):
        state = after(version, case, 1, state._replace(forward=torch.tensor(0)))
        found.append(float((state.output != 0).double().mean()))
    return found


def test_in_the_dictionary_the_cleanup_interval_is_part_of_the_result():
    # independent reference run, B = 2, 6 x 6 x 40, 7 steps: 0.306, 0.056, 0.014 at
    # interval 10; 0, 0, 0 at 7; 0.306 three times without cleanup
    rules = {"marking": REPAIRED, "zdepth": REPAIRED}
    never = shares(v0, 999, rules)
    assert never[0] == never[1] == never[2] > 0
    ten = shares(v0, 10, rules)
    assert ten[0] == never[0]
    assert ten[1] < never[0]
    assert ten[2] < never[0]
    assert shares(v0, 7, rules) == [0, 0, 0]


@variants((v0, {}, "cleanup deletes what was not yet collected"), (v1, {}, ""))
def test_the_cleanup_interval_leaves_the_output_alone(version, rules):
    case = tiny(version, depth=40, longest=7, rules=rules)
    ends = [after(version, replace(case, cleanup=n), 3).output for n in (3, 10, 1000)]
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[1], ends[2])


def test_a_cleanup_at_the_last_step_leaves_the_marked_flows_only():
    case = tiny(v0, "tiny_cleanup_last", rules={"reflection": REPAIRED})
    end = after(v0, case)
    assert int(end.clock) % case.cleanup == 0
    assert end.completed.any()
    assert (end.position[end.completed][:, 2].abs() < 1).all()
