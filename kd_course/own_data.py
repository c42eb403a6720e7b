"""`kd distill` and `kd networks`: from a folder of pictures and a teacher to an answer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kd_helpers.runtime.folders import out_dir

if TYPE_CHECKING:
    from kd_helpers.data.splits import Dataset
    from kd_helpers.training.schedules import Schedule

CODE = """\
from kd_helpers import distill
{imports}

data = {data}
teacher = {teacher}
result = distill({call})
result.report("report.html")"""


def add_options(parser: argparse.ArgumentParser, positive: Any) -> None:
    """The options of `kd distill`."""
    add = parser.add_argument
    add("data", help="a folder of pictures, a Parquet file, or the name of a published data set")
    add("--teacher", required=True, help="torchvision:NAME, timm:NAME, open_clip:NAME, mod:func")
    add("--weights", metavar="FILE", help="the teacher's; by default those that its library has")
    add("--teacher-size", type=positive, metavar="PIXELS", help="if it was trained at another size")
    add("--fit", type=int, metavar="STEPS", help="fit a new head to the data, then so many steps")
    add("--student", default="cnn-4", help="a network of `kd networks`, or module:function (cnn-4)")
    add("--seeds", type=positive, default=3, help="3 at least for a verdict, better 5 (3)")
    add("--size", type=positive, default=64, help="of the student's images, in pixels (64)")
    add("--channels", type=int, choices=(1, 3), default=3, help="grey or RGB (3)")
    add("--balanced", action="store_true", help="let all classes count alike in the label term")
    add("--skip-problems", action="store_true", help="leave out files that cannot be used")
    add("--steps", type=positive, help="of each training; by default 20 passes, 400 to 3,000")
    add("--jobs", type=positive, help="trainings at a time; one a core by default")
    add("--report", metavar="FILE", help="where the report goes (out/reports/NAME.html)")


def run(chosen: argparse.Namespace) -> int:
    """Distil, print the answer in a sentence, and write the report."""
    from kd_helpers.experiments.distill import distill, schedule_for
    from kd_helpers.training.schedules import Schedule

    data = images_of(chosen)
    teacher = teacher_of(chosen, data)
    size = schedule_for(len(data.train)).batch_size
    schedule = Schedule(steps=chosen.steps, batch_size=size) if chosen.steps else None
    result = distill(
        chosen.student,
        teacher,
        data,
        seeds=chosen.seeds,
        schedule=schedule,
        balanced=chosen.balanced,
        jobs=chosen.jobs,
        code=code_of(chosen, schedule),
    )
    path = Path(chosen.report or out_dir() / "reports" / f"{data.name}-{data.fingerprint}.html")
    print(result, f"Report: {result.report(path)}", sep="\n")
    print(f"To take the student away: kd export {result.best.recipe.hash} --to onnx")
    return 0


def images_of(chosen: argparse.Namespace) -> Dataset:
    """The data set that is meant: by name, from a Parquet file, or from a folder."""
    from kd_helpers.data.datasets import load_dataset
    from kd_helpers.data.from_parquet import from_parquet
    from kd_helpers.data.image_folder import image_folder

    how = {"size": chosen.size, "channels": chosen.channels}
    if is_name(chosen.data):
        return load_dataset(chosen.data)
    read = from_parquet if is_parquet(chosen.data) else image_folder
    return read(chosen.data, **how, skip_problems=chosen.skip_problems)


def is_name(data: str) -> bool:
    from kd_helpers.data.datasets import LOADERS

    return data in LOADERS


def is_parquet(data: str) -> bool:
    """Whether it is a Parquet file, or a folder with some."""
    return data.endswith(".parquet") or any(Path(data).glob("*.parquet"))


def teacher_of(chosen: argparse.Namespace, data: Dataset) -> Any:
    """The teacher that is named; with a new head where that is asked for."""
    from kd_helpers.teachers.named import teacher_named
    from kd_helpers.training.fit_head import fit_head

    asked = data.classes if chosen.teacher.startswith("open_clip:") else None
    own_head = chosen.fit is None  # else the one in the file is not asked for
    teacher = teacher_named(chosen.teacher, weights=chosen.weights, classes=asked, head=own_head)
    if chosen.teacher_size:
        teacher = teacher.seeing(size=chosen.teacher_size, resize=None)
    return teacher if chosen.fit is None else fit_head(teacher, data, steps=chosen.fit)


def code_of(chosen: argparse.Namespace, schedule: Schedule | None) -> str:
    """The same in Python."""
    data_home, data = data_code(chosen)
    homes = [data_home, "from kd_helpers.teachers.named import teacher_named"]
    weights = f", weights={chosen.weights!r}" * bool(chosen.weights)
    more = ", classes=data.classes" * chosen.teacher.startswith("open_clip:")
    more += ", head=False" * (chosen.fit is not None)
    teacher = f"teacher_named({chosen.teacher!r}{weights}{more})"
    if chosen.teacher_size:
        teacher += f".seeing(size={chosen.teacher_size}, resize=None)"
    if chosen.fit is not None:
        homes.append("from kd_helpers.training.fit_head import fit_head")
        teacher = f"fit_head({teacher}, data, steps={chosen.fit})"
    call = f"{chosen.student!r}, teacher, data, seeds={chosen.seeds}"
    call += ", balanced=True" * chosen.balanced
    if schedule:
        homes.append("from kd_helpers.training.schedules import Schedule")
        call += f", schedule=Schedule(steps={schedule.steps}, batch_size={schedule.batch_size})"
    return CODE.format(imports="\n".join(homes), data=data, teacher=teacher, call=call)


def data_code(chosen: argparse.Namespace) -> tuple[str, str]:
    """The line that imports what reads the data, and the call."""
    how = f"{chosen.data!r}, size={chosen.size}, channels={chosen.channels}"
    how += ", skip_problems=True" * chosen.skip_problems
    if is_name(chosen.data):
        return "from kd_helpers import load_dataset", f"load_dataset({chosen.data!r})"
    if is_parquet(chosen.data):
        return "from kd_helpers.data.from_parquet import from_parquet", f"from_parquet({how})"
    return "from kd_helpers import image_folder", f"image_folder({how})"


def list_networks(chosen: argparse.Namespace) -> int:
    """The zoo, with what each network costs on this machine."""
    from kd_helpers.experiments import metrics
    from kd_helpers.models.zoo import BODIES, make_model

    shape = (chosen.channels, chosen.size, chosen.size)
    told = f"{chosen.channels}×{chosen.size}×{chosen.size}, {chosen.classes} classes"
    print(
        f"{'network':14}{'parameters':>12}{'multiply-adds':>16}{'kB':>9}{'ms, 1 image':>13}", told
    )
    for name in BODIES:
        model = make_model(
            name, num_classes=chosen.classes, in_channels=chosen.channels, image_size=chosen.size
        )
        count = metrics.count_parameters(model)
        adds = metrics.count_multiply_adds(model, shape)
        speed = metrics.measure_latency(model, shape, 1)["median_ms"]
        print(f"{name:14}{count:12,}{adds:16,}{4 * count / 1000:9,.0f}{speed:9.2f}", flush=True)
    print("Each also as NAME-1xn and NAME-both: filters of one row, in all or half of a layer.")
    return 0
