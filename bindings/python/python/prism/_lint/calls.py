"""The rules about what a program calls: networks, people, windows, devices, installers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..lint import Level, LintFinding
from .accesses import argument
from .rules import Reading
from .source import File, names_in, shown
from .values import Values, place

_NETWORK = "the run has no network: bring the file as a dataset"
_WEIGHTS = "the run has no network: bring the weights as a dataset, or as an auxiliary file of the terms"
_MODULES = {"requests", "httpx", "aiohttp", "urllib3", "boto3", "botocore", "s3fs", "gcsfs", "wandb", "comet_ml"}
_MODULES |= {
    "neptune",
    "paramiko",
    "websocket",
    "websockets",
    "kaggle",
    "kagglehub",
    "gdown",
    "wget",
    "pycurl",
    "tweepy",
}
_FETCHES = re.compile(
    r"urllib\.request\.(urlopen|urlretrieve|build_opener)|http\.client\.HTTPS?Connection|ftplib\.FTP(_TLS)?"
    r"|socket\.(create_connection|getaddrinfo|gethostbyname)|smtplib\.SMTP(_SSL)?|xmlrpc\.client\.ServerProxy"
    r"|torch\.hub\.(load|load_state_dict_from_url|download_url_to_file)|huggingface_hub\.(hf_hub|snapshot)_download"
    r"|datasets\.load_dataset|nltk\.download|sklearn\.datasets\.fetch_\w+|seaborn\.load_dataset|spacy\.cli\.download"
    r"|(tensorflow\.)?keras\.datasets\.\w+\.load_data|tensorflow_datasets\.load|gensim\.downloader\.load"
)
_REMOTE = re.compile(r"(https?|ftp|s3|gs|hf)://")
_PEOPLE = re.compile(r"input|breakpoint|pdb\.set_trace|getpass\.getpass|sys\.stdin\.\w+|ipdb\.set_trace|code\.interact")
_WINDOWS = re.compile(r"cv2\.(imshow|waitKey|namedWindow)|tkinter\.Tk|turtle\.\w+|pygame\.display\.\w+")
_STARTS = re.compile(r"subprocess\.(run|call|check_call|check_output|Popen)|os\.(system|popen)")
_INSTALLS = re.compile(r"\b(pip3?|conda|mamba|uv|apt(-get)?) (-\S+ )*(pip )?install\b")


def about_calls(reading: Reading) -> Iterator[LintFinding]:
    """What the program's calls would meet in a run."""
    guarded = any(_asks_for_gpu(file) for file in reading.program.files)
    gpu_free = not reading.program.devices and not guarded
    for file in reading.program.files:
        values = reading.values[file.name]
        for one in file.imports:
            if one.module.partition(".")[0] in _MODULES:
                found = f"imports {one.module}, which is made for a network"
                level: Level = "note" if one.optional else "problem"
                yield LintFinding("network", level, file.name, one.line, found, _NETWORK)
        for call, name in file.calls:
            yield from _network(file, call, name, values)
            yield from _people(file, call, name)
            yield from _installer(file, call, name, values)
            if gpu_free:
                yield from _gpu(file, call, name, values)


def _network(file: File, call: ast.Call, name: str, values: Values) -> Iterator[LintFinding]:
    found, hint = "", _NETWORK
    if _FETCHES.fullmatch(name):
        found = f"{shown(call.func)} needs a network"
    elif name == "socket.socket" and "AF_UNIX" not in names_in(call):
        found = "opens a socket"
    elif (weights := _weights(call)) is not None:
        found, hint = f"{shown(call.func)}({weights}) downloads", _WEIGHTS
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "from_pretrained" and _is_remote(call, values):
        found, hint = f"{shown(call.func)} downloads a model by its name", _WEIGHTS
    elif _is_true(argument(call, 99, "download")):
        found = f"{shown(call.func)}(download=True) downloads"
    elif (address := _address(call, name, values)) is not None:
        found = f"{shown(call.func)} reads {address}"
    if found:
        yield LintFinding("network", "problem", file.name, call.lineno, found, hint)


def _weights(call: ast.Call) -> str | None:
    """The argument by which a model fetches its weights."""
    for keyword in call.keywords:
        if keyword.arg == "weights":
            text = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            named = isinstance(text, str) and re.fullmatch(r"DEFAULT|imagenet|IMAGENET\w*|COCO\w*", text)
            if named or any(name.endswith("_Weights") for name in names_in(keyword.value)):
                return f"weights={shown(keyword.value)}"
        if keyword.arg == "pretrained" and _is_true(keyword.value):
            return "pretrained=True"
    return None


def _is_remote(call: ast.Call, values: Values) -> bool:
    """Whether a model is asked for by its name in a hub, and not by a path."""
    if _is_true(argument(call, 99, "local_files_only")) or not call.args:
        return False
    texts = values.of(call.args[0])
    here = ("./", "/", "../", "~", "*")
    return any(place(text) == "other" and not text.startswith(here) for text in texts)


def _address(call: ast.Call, name: str, values: Values) -> str | None:
    """The remote address that something is read from."""
    short = call.func.attr if isinstance(call.func, ast.Attribute) else name.rpartition(".")[2]
    if not call.args or not (short.startswith("read_") or short in ("open", "load", "imread", "urlopen")):
        return None
    return next((text for text in sorted(values.of(call.args[0])) if _REMOTE.match(text)), None)


def _people(file: File, call: ast.Call, name: str) -> Iterator[LintFinding]:
    if _PEOPLE.fullmatch(name):
        found = f"{shown(call.func)}() waits for somebody"
        hint = "give it as an argument: in a run nobody answers, and standard input is empty"
        yield LintFinding("waits-for-people", "problem", file.name, call.lineno, found, hint)
    elif name in ("matplotlib.pyplot.show", "matplotlib.pyplot.pause"):
        found, hint = f"{shown(call.func)}() shows it to nobody", 'save the picture: plt.savefig("results/plot.png")'
        yield LintFinding("shows-window", "note", file.name, call.lineno, found, hint)
    elif _WINDOWS.fullmatch(name):
        found, hint = f"{shown(call.func)}() needs a screen", "write a file below results/: a run has no screen"
        yield LintFinding("shows-window", "problem", file.name, call.lineno, found, hint)


def _installer(file: File, call: ast.Call, name: str, values: Values) -> Iterator[LintFinding]:
    words = ""
    if name in ("pip.main", "pip._internal.main"):
        words = "pip install"
    elif _STARTS.fullmatch(name) and call.args:
        parts = call.args[0].elts if isinstance(call.args[0], ast.List | ast.Tuple) else [call.args[0]]
        words = " ".join(min(values.of(part)) for part in parts)
    if _INSTALLS.search(words):
        hint = "add the packages to the requirements: they are installed before any data is there"
        found = "installs packages while it runs, and there is no network"
        yield LintFinding("installs-packages", "problem", file.name, call.lineno, found, hint)


def _gpu(file: File, call: ast.Call, name: str, values: Values) -> Iterator[LintFinding]:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    given = [*(call.args[:1] if method in ("to", "device", "set_default_device") else [])]
    device = argument(call, 99, "device")
    given += [device] if device is not None else []
    on_cuda = any(text.startswith("cuda") for node in given for text in values.of(node))
    if (method == "cuda" and name.startswith("*")) or on_cuda or name.startswith("cupy."):
        found = f"{shown(call.func)} wants a GPU, and none was asked for"
        hint = 'ask with devices=["nvidia-gpu"], or use torch.cuda.is_available()'
        yield LintFinding("gpu-not-asked", "problem", file.name, call.lineno, found, hint)


def _asks_for_gpu(file: File) -> bool:
    """Whether the program looks whether there is a GPU."""
    asks = ("is_available", "device_count", "list_physical_devices", "current_accelerator")
    return any(isinstance(node, ast.Attribute) and node.attr in asks for node in file.nodes)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
