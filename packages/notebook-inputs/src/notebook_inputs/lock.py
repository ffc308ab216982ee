"""The pinned packages of a requirements file, and which of them some code imports.

The file is what `uv pip compile` writes: `name==version` with `# via` comments, which
are the dependency graph. Nothing has to be installed, so that every machine gives the
same answer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

PIN = re.compile(
    r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(==\s*[^\s;\\#]+|@\s*\S+)(.*)$"
)
VIA = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*$")
# Packages whose modules have another name.
MODULES: Mapping[str, tuple[str, ...]] = {
    "attr": ("attrs",),
    "bs4": ("beautifulsoup4",),
    "catboost": ("catboost",),
    "Crypto": ("pycryptodome",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "dateutil": ("python-dateutil",),
    "dotenv": ("python-dotenv",),
    "fitz": ("pymupdf",),
    "git": ("gitpython",),
    "google": ("protobuf", "google-cloud-core", "google-api-core"),
    "IPython": ("ipython",),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "lifelines": ("lifelines",),
    "magic": ("python-magic",),
    "markdown": ("markdown",),
    "mpl_toolkits": ("matplotlib",),
    "MySQLdb": ("mysqlclient",),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow",),
    "pkg_resources": ("setuptools",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "pylab": ("matplotlib",),
    "ruamel": ("ruamel-yaml",),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "sklego": ("scikit-lego",),
    "slugify": ("python-slugify",),
    "snowflake": ("snowflake-connector-python", "snowflake-snowpark-python"),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "umap": ("umap-learn",),
    "win32api": ("pywin32",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "yaml": ("pyyaml",),
    "zmq": ("pyzmq",),
}
# Modules that many packages share the name of.
NAMESPACES = frozenset(
    {"azure", "backports", "google", "jaraco", "mpl_toolkits", "zope"}
)


@dataclass(frozen=True)
class Lock:
    """The pins of a requirements file.

    Attributes:
        pins: by package its versions, with the condition of each ("; marker").
        parents: by package those that need it.
    """

    pins: Mapping[str, str]
    parents: Mapping[str, frozenset[str]]

    @cached_property
    def dependencies(self) -> Mapping[str, frozenset[str]]:
        """Return by package those that it needs."""
        found: dict[str, set[str]] = {}
        for name, parents in self.parents.items():
            for parent in parents:
                found.setdefault(parent, set()).add(name)
        return {name: frozenset(needed) for name, needed in found.items()}

    def packages_of(self, module: str) -> list[str]:
        """Return the pinned packages that a top-level module can be of."""
        names = [normalize(module), *MODULES.get(module, ())]
        if module in NAMESPACES:
            names += [one for one in self.pins if one.startswith(f"{names[0]}-")]
        return sorted({name for name in names if name in self.pins})

    def with_dependencies(self, packages: frozenset[str]) -> list[tuple[str, str, str]]:
        """Return packages and all that they need.

        Returns:
            Name, version, and the package that needs it, "" for those given.
        """
        if packages not in self._closures:
            self._closures[packages] = list(self._follow(packages))
        return self._closures[packages]

    @cached_property
    def _closures(self) -> dict[frozenset[str], list[tuple[str, str, str]]]:
        return {}

    def _follow(self, packages: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        ahead = [(name, "") for name in sorted(packages)]
        seen: set[str] = set()
        for name, parent in ahead:
            if name not in seen and name in self.pins:
                seen.add(name)
                yield name, self.pins[name], parent
                needed = sorted(self.dependencies.get(name, ()))
                ahead += [(one, name) for one in needed]


@lru_cache(maxsize=16)
def parse_lock(text: str) -> Lock:
    """Read a requirements file."""
    pins: dict[str, list[str]] = {}
    parents: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if pin := PIN.match(line):
            name = normalize(pin[1])
            version = "".join(pin[2].split()).removeprefix("==")
            condition = pin[3].split("#")[0].replace("\\", "").strip()
            pins.setdefault(name, []).append(f"{version} {condition}".strip())
        elif name and (via := VIA.match(line)) and via[1] != "via":
            parents.setdefault(name, set()).add(normalize(via[1]))
    joined = {one: ", ".join(sorted(versions)) for one, versions in pins.items()}
    return Lock(joined, {one: frozenset(found) for one, found in parents.items()})


def normalize(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
