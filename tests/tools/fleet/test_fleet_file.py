"""Fleet files: kinds of jobs, and which of them takes a portion."""

import pytest

from groundspeed.tools.fleet import fleet_file, submission
from groundspeed.tools.fleet.assignment import assigned, fitting
from groundspeed.tools.fleet.fleet_file import Fleet, Kind
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.validation.records.errors import Refused

TIMING = Portion(Work.TIMING, "bench", ("a", "b"))
JUDGING = Portion(Work.JUDGING, "validate", ("a",))
ON_A_GPU = Portion(Work.JUDGING, "validate", ("c",), device="cuda")


@pytest.fixture
def read(tmp_path):
    """Writes a fleet file and reads it."""

    def written(text: str) -> Fleet:
        (tmp_path / "fleet.toml").write_text(text)
        return fleet_file.read(str(tmp_path / "fleet.toml"))

    return written


def test_a_file_names_kinds_and_a_folder_beside_itself(read, tmp_path):
    fleet = read(
        'folder = "scratch"\n[kinds.big]\npartition = "long"\nexclusive = true\ngpus = 1\n'
    )
    assert fleet.place == tmp_path / "scratch"
    assert fleet.caches == tmp_path / "scratch"
    assert fleet.kinds["big"] == Kind(partition="long", exclusive=True, gpus=1)
    assert fleet.executor == "slurm"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kinds = 3", "kinds is 3; allowed: dictionary"),
        ("", "kinds is missing; add a table such as [kinds.judging]"),
        ("[kinds.a]\npartiton = 'x'", "kinds.a.partiton is not known; did you mean partition?"),
        ("[kinds.a]\ncpus = '2'", "kinds.a.cpus is '2'; allowed: integer"),
        ("[kinds.a]\ncpus = 0", "kinds.a.cpus is 0; allowed: greater than or equal to 1"),
        ("[kinds.a]\nexclusive = 1", "kinds.a.exclusive is 1; allowed: boolean"),
        ("executor = 'pbs'\n[kinds.a]", "executor is 'pbs'; allowed: 'slurm' or 'local'"),
        ("zzz = 1\n[kinds.a]", "zzz is not known; allowed: executor, folder, together, kinds"),
        ("[kinds", "is no TOML"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(read, text, told):
    with pytest.raises(ValueError, match="fleet.toml") as error:
        read(text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named_with_what_is_allowed():
    with pytest.raises(LookupError, match="--on slrum: no such file; allowed: local, slurm, or"):
        fleet_file.read("slrum")


def test_timings_take_exclusive_nodes_and_judgements_shared_ones():
    kinds = {"s": Kind(), "x": Kind(exclusive=True), "g": Kind(gpus=1)}
    fleet = Fleet(kinds=kinds)
    assert fitting(fleet, TIMING) == [kinds["x"]]
    assert fitting(fleet, JUDGING) == [kinds["s"]]
    assert fitting(fleet, ON_A_GPU) == [kinds["g"]]


def test_a_portion_goes_to_every_kind_that_fits_it():
    fleet = Fleet(kinds={"amd": Kind(partition="amd"), "intel": Kind(partition="intel")})
    assert [task.kind.partition for task in assigned(fleet, [JUDGING])] == ["amd", "intel"]


def test_a_timing_is_never_put_on_a_shared_node():
    with pytest.raises(Refused, match="bench a and 1 more is a timing, and s are shared; add"):
        assigned(Fleet(kinds={"s": Kind()}), [TIMING])
    only = Fleet(kinds={"x": Kind(exclusive=True)})
    assert fitting(only, JUDGING) == [only.kinds["x"]]


def test_on_this_machine_an_exclusive_job_is_alone():
    queue = submission.LocalQueue(None)
    shared, exclusive = Kind(jobs=2), Kind(exclusive=True, jobs=9)
    assert queue.room(shared, []) == 2
    assert queue.room(shared, [shared]) == 1
    assert queue.room(exclusive, []) == 1
    assert queue.room(exclusive, [shared]) == 0
    assert queue.room(shared, [exclusive]) == 0


def test_where_slurm_is_not_installed_a_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="sbatch is not here: run this where jobs are submitted"):
        submission.queue(Fleet(kinds={"s": Kind()}), tmp_path)
