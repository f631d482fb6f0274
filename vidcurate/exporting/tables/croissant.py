"""Croissant metadata of an export: its files with hashes, and the fields of its tables.

Croissant is the JSON-LD vocabulary of MLCommons for data sets, read by the package mlcroissant:
https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from vidcurate.exporting.folder.manifest import FileEntry
from vidcurate.exporting.tables.card import Contents, shared_licence
from vidcurate.exporting.tables.columns import describe

CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
CLIP_SUFFIX, LIST_SUFFIX = ".mp4", ".jsonl"
ENCODINGS = {
    ".parquet": "application/x-parquet",
    ".tar": "application/x-tar",
    ".jsonl": "application/jsonlines",
    ".csv": "text/csv",
    ".mp4": "video/mp4",
}


def croissant(
    totals: Contents, name: str, dataset: str, folder: Path, files: Sequence[FileEntry]
) -> str:
    """Write the Croissant metadata of an export in a folder, whose files are hashed.

    `dataset` is the id of the data set.
    """
    licence = shared_licence(totals.licences)
    described: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": f"{totals.n_clips} video clips, {totals.n_captions} of them with a caption.",
        "url": f"urn:uuid:{dataset}",
        **({"license": licence} if licence else {}),
        "distribution": [],
        "recordSet": [],
    }
    schemas = {"default": totals.schema, "videos": totals.videos_schema}
    for config, patterns in totals.configs.items():
        own = [f for f in files if any(fnmatchcase(f.name, p) for p in patterns.values())]
        # Of clips the manifest says size and hash; here they are one set of files.
        tables = [file for file in own if not file.name.endswith(CLIP_SUFFIX)]
        described["distribution"] += [file_object(file) for file in tables]
        described["distribution"].append(
            file_set(f"{config}-files", [*patterns.values()], own[0].name if own else "")
        )
        lists = [file.name for file in tables if file.name.endswith(LIST_SUFFIX)]
        schema = schema_of_list(folder / lists[0]) if lists else schemas.get(config)
        if lists:
            described["distribution"].append(file_set(f"{config}-rows", lists))
        if schema is not None:
            source = f"{config}-rows" if lists else f"{config}-files"
            described["recordSet"].append(record_set(config, schema, source))
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def file_object(file: FileEntry) -> dict[str, Any]:
    """Describe one file."""
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": encoding_of(file.name),
        "sha256": file.sha256,
    }


def file_set(name: str, includes: Sequence[str], example: str = "") -> dict[str, Any]:
    """Describe files of one kind together, by their names or globs and the name of one of them."""
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": encoding_of(example or includes[0]),
        "includes": [*includes],
    }


def schema_of_list(file: Path) -> pa.Schema:
    """Return the columns of a list of JSON lines, by its first one."""
    with file.open(encoding="utf-8") as lines:
        return pa.Table.from_pylist([json.loads(next(lines))]).schema


def encoding_of(name: str) -> str:
    """Return the media type of a file."""
    return ENCODINGS.get(PurePosixPath(name).suffix, "application/octet-stream")


def record_set(config: str, schema: pa.Schema, source: str) -> dict[str, Any]:
    """Describe the fields of a table; those of nested records are left to the Parquet's schema."""
    infos = describe(schema.names, of_videos=config == "videos")
    fields = []
    for column in schema:
        kind, is_list = data_type(column.type)
        if kind:
            fields.append(
                {
                    "@type": "cr:Field",
                    "@id": f"{config}/{column.name}",
                    "name": column.name,
                    "description": infos[column.name].description,
                    "dataType": kind,
                    **({"repeated": True} if is_list else {}),
                    "source": {
                        "fileSet": {"@id": source},
                        "extract": {"column": column.name},
                    },
                }
            )
    return {"@type": "cr:RecordSet", "@id": config, "name": config, "field": fields}


def data_type(kind: pa.DataType) -> tuple[str, bool]:
    """Return Croissant's name of a type, "" for nested records, and whether it is a list."""
    if pa.types.is_list(kind):
        return data_type(kind.value_type)[0], True
    for is_kind, name in (
        (pa.types.is_string, "sc:Text"),
        (pa.types.is_large_string, "sc:Text"),
        (pa.types.is_boolean, "sc:Boolean"),
        (pa.types.is_integer, "sc:Integer"),
        (pa.types.is_floating, "sc:Float"),
    ):
        if is_kind(kind):
            return name, False
    return "", False
