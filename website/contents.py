"""The table of contents: a section for each kind of reader, a title for each page."""

HOME = "README.md"
SECTIONS: dict[str, dict[str, str]] = {
    "Start": {
        "The first hour": "docs/first-hour.md",
        "A data set of your own": "docs/dataset.md",
        "Your own faces": "docs/faces.md",
        "A data set from start to end": "docs/start-to-end.md",
        "The stages": "docs/stages.md",
        "The report": "docs/report.md",
        "Troubleshooting": "docs/troubleshooting.md",
    },
    "Train": {
        "Recipes": "docs/recipes.md",
        "The loader": "docs/loader.md",
        "FSErasing": "docs/fserasing.md",
        "FS-CAM": "docs/fscam.md",
        "Examples": "examples/README.md",
    },
    "Parsers": {
        "Other people's parsers": "docs/parsers.md",
        "Train a parser of your own": "docs/train-parser.md",
        "Model card: the bundled parser": "docs/parser.md",
        "Model card: the face mesh": "docs/facemesh.md",
    },
    "Share and keep": {
        "Share a version": "docs/share.md",
        "Stores elsewhere": "docs/remote.md",
        "Other formats": "docs/export.md",
        "Grow and compare versions": "docs/versions.md",
        "Remove a person": "docs/remove.md",
        "Upgrade": "docs/upgrade.md",
        "What you can trust": "docs/trust.md",
        "Licences": "docs/licences.md",
    },
    "Scale": {
        "More than one machine": "docs/cluster.md",
        "What a face costs": "docs/measurements/scale.md",
    },
    "Reference": {
        "What is public": "docs/api.md",
        "faceshards": "docs/reference/faceshards.md",
        "faceshards.transforms": "docs/reference/faceshards.transforms.md",
        "faceshards.transforms.albumentations": "docs/reference/faceshards.transforms.albumentations.md",
        "faceshards.cam": "docs/reference/faceshards.cam.md",
        "faceshards.parsing": "docs/reference/faceshards.parsing.md",
        "faceshards.parsing.onnxexport": "docs/reference/faceshards.parsing.onnxexport.md",
        "faceshards.regions": "docs/reference/faceshards.regions.md",
        "faceshards.errors": "docs/reference/faceshards.errors.md",
        "The store": "docs/store.md",
    },
    "Measured": {
        "Proof": "docs/proof.md",
        "The loader": "docs/measurements/loader.md",
        "FSErasing": "docs/measurements/fserasing.md",
        "FS-CAM": "docs/measurements/fscam.md",
        "The parser": "docs/measurements/parser.md",
        "The face mesh": "docs/measurements/facemesh.md",
        "The regions": "docs/measurements/regions.md",
        "The report": "docs/measurements/report.md",
    },
    "Project": {
        "Architecture": "ARCHITECTURE.md",
        "Contributing": "CONTRIBUTING.md",
        "Security": "SECURITY.md",
        "Changes": "CHANGELOG.md",
    },
}
