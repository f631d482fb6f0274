"""Every command with its panel, summary and examples, so that `--help` imports none of them."""

from dataclasses import dataclass

RUN, SOURCES, SHOTS, SCORES = "Run", "Sources", "Shots", "Scores"
SELECTION, CAPTIONS, OUTPUT = "Selection", "Captions", "Output"
LOOK, MAINTAIN = "Look at a data set", "Maintain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: `target` is a module and the name of its function, or of its stage.

    `function` is a module and the name of the function of a stage's command that does more than
    bring the stage's table up to date. `without_dataset` names what it does where no
    data set is given.
    """

    name: str
    panel: str
    target: str
    summary: str
    examples: tuple[str, ...]
    function: str = ""
    without_dataset: str = ""

    @property
    def is_stage(self) -> bool:
        """Whether the command brings one stage's table up to date."""
        return self.target.startswith("vidcurate.stages.")


def stage(
    name: str,
    panel: str,
    summary: str,
    *examples: str,
    target: str = "",
    without_dataset: str = "",
    function: str = "",
) -> Entry:
    """The command of a stage; `target` is what the stage is called in its module."""
    module = f"vidcurate.stages.{panel.lower()}.{name}"
    stage_target = f"{module}:{target or name.upper()}"
    return Entry(name, panel, stage_target, summary, examples, function, without_dataset)


def command(name: str, panel: str, summary: str, *examples: str) -> Entry:
    """A command that is no stage; its function and module have its name."""
    return Entry(name, panel, f"vidcurate.cli.commands.{name}:{name}", summary, examples)


CATALOGUE: tuple[Entry, ...] = (
    command(
        "run",
        RUN,
        "Run the stages of a config file or a recipe.",
        "vidcurate run ~/Videos -d out",
        "vidcurate run ~/Videos -d out -c text-to-video",
    ),
    command(
        "estimate",
        RUN,
        "Estimate time, disk and requests of a run from a few of its videos.",
        "vidcurate estimate ~/Videos -d out -c my.yaml",
    ),
    stage(
        "ingest",
        SOURCES,
        "Find videos in folders, globs, lists or stdin, and name each by its content.",
        "vidcurate ingest ~/Videos more/*.mp4 -d out",
        "find /data -name '*.mkv' -print0 | vidcurate ingest - -d out",
    ),
    stage(
        "probe",
        SOURCES,
        "Read each video's container: length, rates, sizes, codecs, and what is wrong with it.",
        "vidcurate probe ~/Videos -d out",
    ),
    stage(
        "scan",
        SOURCES,
        "Decode each video once; record signals, samples and low-resolution proxies.",
        "vidcurate scan -d out --metric content --metric learned",
    ),
    stage(
        "embed",
        SOURCES,
        "Make a vector of each proxy, for search, duplicates and similar shots.",
        "vidcurate embed -d out --backend appearance",
    ),
    stage(
        "transcribe",
        SOURCES,
        "Write the words of each video with their times, from subtitles or by a speech model.",
        "vidcurate transcribe -d out --model small",
        "vidcurate transcribe -d out --backend subtitles",
    ),
    stage(
        "spoken",
        SOURCES,
        "Make sentences of what is said, each with the span of the video that shows it.",
        "vidcurate spoken -d out --model NAME",
        "vidcurate spoken -d out --model NAME --against captions",
        target="SPOKEN_STAGE",
    ),
    stage(
        "cuts",
        SHOTS,
        "Find the transitions between shots, from recorded signals, without decoding.",
        "vidcurate cuts -d out --detector learned",
        target="CUTS_STAGE",
    ),
    stage(
        "split",
        SHOTS,
        "Make clips of the shots between cuts.",
        "vidcurate split -d out --min-clip-s 2 --max-clip-s 10",
    ),
    stage(
        "queries",
        SOURCES,
        "Read questions to videos, from the command line or a list.",
        "vidcurate queries -d out --query 'When does the rabbit wake up?'",
        "vidcurate queries -d out --queries questions.csv",
        target="QUERIES_STAGE",
    ),
    stage(
        "bounds",
        SHOTS,
        "Record which transitions bound each clip, and how sure each is.",
        "vidcurate bounds -d out",
        target="BOUNDS_STAGE",
    ),
    stage(
        "quality",
        SCORES,
        "Measure sharpness, light, noise, blocks, bars, freezes and motion of each clip.",
        "vidcurate quality -d out",
        target="QUALITY_STAGE",
    ),
    stage(
        "motion",
        SCORES,
        "Measure how the camera and the scene move in each clip, and name its colours.",
        "vidcurate motion -d out",
        target="MOTION_STAGE",
    ),
    stage(
        "watermark",
        SCORES,
        "Find what is overlaid on each clip: edges that stay while the picture moves.",
        "vidcurate watermark -d out",
        target="WATERMARK_STAGE",
    ),
    stage(
        "speech",
        SCORES,
        "Measure loudness, silence, speech, music and words of each clip's sound.",
        "vidcurate speech -d out",
        target="SPEECH_STAGE",
    ),
    stage(
        "sounds",
        SCORES,
        "Find which kinds of sound are heard in each clip, or have a model describe them.",
        "vidcurate sounds -d out",
        "vidcurate sounds -d out --backend classifier --model "
        "MIT/ast-finetuned-audioset-10-10-0.4593",
        target="SOUNDS_STAGE",
    ),
    stage(
        "consistency",
        SCORES,
        "Measure how similar the frames of each clip are, by their vectors.",
        "vidcurate consistency -d out",
        target="CONSISTENCY_STAGE",
    ),
    stage(
        "aesthetic",
        SCORES,
        "Score how beautiful people would find each clip, from its vectors.",
        "vidcurate aesthetic -d out",
        target="AESTHETIC_STAGE",
    ),
    stage(
        "text",
        SCORES,
        "Find and read text in each clip, and report what is overlaid on the picture.",
        "vidcurate text -d out --max-frames 8",
        target="TEXT_STAGE",
    ),
    stage(
        "safety",
        SCORES,
        "Estimate the probability that each clip is not safe for work.",
        "vidcurate safety -d out",
        target="SAFETY_STAGE",
    ),
    stage(
        "tags",
        SCORES,
        "Name what each clip shows, by ImageNet's labels or by yours.",
        "vidcurate tags -d out",
        target="TAGS_STAGE",
    ),
    stage(
        "suitability",
        SCORES,
        "Rate how suitable each clip is for training, 1 to 5, from its other scores.",
        "vidcurate suitability -d out",
        target="SUITABILITY_STAGE",
    ),
    stage(
        "perception",
        SCORES,
        "Say how well each clip's picture is made, by its container and, if asked, a model.",
        "vidcurate perception -d out",
        "vidcurate perception -d out --backend openai --model NAME",
        target="PERCEPTION_STAGE",
    ),
    stage(
        "signatures",
        SELECTION,
        "Compute a signature of each clip, by which dedup finds copies.",
        "vidcurate signatures -d out",
        target="SIGNATURES_STAGE",
    ),
    stage(
        "dedup",
        SELECTION,
        "Find clips that show the same, also in part or mirrored, and choose which to keep.",
        "vidcurate dedup -d out --policy quality",
        target="DEDUP_STAGE",
    ),
    stage(
        "filter",
        SELECTION,
        "Keep the clips that satisfy every rule over their scores.",
        "vidcurate filter -d out --rule 'quality.sharpness >= 20' --rule dedup.keep",
    ),
    stage(
        "references",
        CAPTIONS,
        "Read texts that captions are held against, from a list or another data set.",
        "vidcurate references -d out --references true.csv",
        "vidcurate references -d out --captions-of other",
        target="REFERENCES_STAGE",
    ),
    stage(
        "partition",
        SELECTION,
        "Choose clips by quotas, and divide them into train, validation and test.",
        "vidcurate partition -d out --validation 0.05 --test 0.05",
        "vidcurate partition -d out --balance 'by: tags.top_name, at_most: 5%'",
    ),
    stage(
        "keyframes",
        SELECTION,
        "Write full-size keyframes of the kept clips from the source.",
        "vidcurate keyframes -d out --count 3",
        target="KEYFRAMES_STAGE",
    ),
    stage(
        "keypoints",
        CAPTIONS,
        "Find what is true of each clip, by questions to a model and checks of its answers.",
        "vidcurate keypoints -d out --model NAME --base-url http://localhost:8000/v1",
        "vidcurate keypoints -d out --model NAME --second model=OTHER --max-requests 200",
        target="KEYPOINTS_STAGE",
    ),
    stage(
        "caption",
        CAPTIONS,
        "Write a text for each kept clip.",
        "vidcurate caption -d out --backend facts",
        "vidcurate caption -d out --backend openai --model NAME --base-url http://localhost:8000/v1",
        "vidcurate caption -d out --version chinese --language Chinese",
        function="vidcurate.cli.commands.caption:caption",
    ),
    stage(
        "alignment",
        CAPTIONS,
        "Measure how well each caption fits its clip.",
        "vidcurate alignment -d out",
        target="ALIGNMENT_STAGE",
    ),
    stage(
        "judge",
        CAPTIONS,
        "Judge each caption by rules, measurements and, if asked, a model.",
        "vidcurate judge -d out",
    ),
    stage(
        "triage",
        CAPTIONS,
        "Choose the captions that refine writes again.",
        "vidcurate triage -d out",
    ),
    stage(
        "refine",
        CAPTIONS,
        "Rewrite weak captions by a model that knows their faults.",
        "vidcurate refine -d out --backend openai --model NAME",
    ),
    stage(
        "sentences",
        CAPTIONS,
        "Make vectors of each clip's text and of its sentences.",
        "vidcurate sentences -d out",
        "vidcurate sentences -d out --backend server --model NAME --base-url "
        "http://localhost:8000/v1",
    ),
    stage(
        "evaluate",
        CAPTIONS,
        "Measure how far each caption tells what its references tell.",
        "vidcurate evaluate -d out --references true.csv",
        "vidcurate evaluate -d out --backend openai --model NAME --measure autodq --measure vdc",
        "vidcurate evaluate -d out --against other",
        function="vidcurate.cli.commands.evaluate:evaluate",
    ),
    stage(
        "coverage",
        CAPTIONS,
        "Measure how much of a clip's key points its text says.",
        "vidcurate coverage -d out --model NAME --base-url http://localhost:8000/v1",
        target="COVERAGE_STAGE",
    ),
    stage(
        "outline",
        CAPTIONS,
        "Put the captions of each video in order, by scenes.",
        "vidcurate outline -d out",
    ),
    stage(
        "story",
        CAPTIONS,
        "Write a text for each video from the captions of its clips.",
        "vidcurate story -d out --backend openai --model NAME",
    ),
    stage(
        "accept",
        SELECTION,
        "Accept the clips for the export whose texts satisfy every rule.",
        "vidcurate accept -d out --rule 'alignment.clip_cosine >= 0.2'",
        "vidcurate accept -d out --rule \"captions.text not contains ['logo', 'watermark']\"",
    ),
    stage(
        "export",
        OUTPUT,
        "Write the kept clips as files, with Parquet or in the layout of a trainer.",
        "vidcurate export -d out --target diffusion-pipe --check",
        "vidcurate export -d out --media encode",
        function="vidcurate.cli.commands.export:export",
    ),
    stage(
        "verify",
        OUTPUT,
        "Decode every clip file, and prove that it holds its shot and no other frame.",
        "vidcurate verify -d out",
        "vidcurate verify out/export",
        without_dataset="vidcurate.cli.commands.verify_export:verify_export",
    ),
    command(
        "status",
        LOOK,
        "Show how many inputs each stage has, what became of them, and what was lost.",
        "vidcurate status -d out",
    ),
    command(
        "watch",
        LOOK,
        "Follow a run that another terminal does: what is done, how fast, and the time left.",
        "vidcurate watch -d out",
        "vidcurate watch -d out --every 10s --json",
    ),
    command(
        "report",
        LOOK,
        "Write a page that shows a data set: its funnel, scores, borders, films and captions.",
        "vidcurate report -d out",
        "vidcurate report -d out -o report.html --media links",
        "vidcurate report --columns",
    ),
    command(
        "rows",
        LOOK,
        "Print the rows of a table as JSON lines.",
        "vidcurate rows clips -d out --where 'quality.sharpness >= 20' --columns start_s,sharpness",
        "vidcurate rows filter -d out --dropped",
    ),
    command(
        "columns",
        LOOK,
        "Say what the columns of the tables are, with units, formulas and sources.",
        "vidcurate columns",
        "vidcurate columns quality",
    ),
    command(
        "show",
        LOOK,
        "Show all that is known of one clip, what made each part, and a strip of its frames.",
        "vidcurate show e23462ae45ed116d-27136-144384 -d out",
        "vidcurate show film.mp4@12.5 -d out --strip strip.jpg",
    ),
    command(
        "search",
        LOOK,
        "Find the clips most like a text, a picture or another clip.",
        "vidcurate search 'a rabbit in a meadow' -d out",
        "vidcurate search --like photo.jpg -d out --top 5",
    ),
    command(
        "tune",
        LOOK,
        "Show what each rule removes, how scores are distributed, and limits that keep a share.",
        "vidcurate tune -d out --keep 30%",
        "vidcurate tune -d out --rule 'quality.sharpness >= 20'",
        "vidcurate tune -d out --plot scores.png",
    ),
    command(
        "review",
        LOOK,
        "Look at clips in the browser, and accept, reject, correct or cut them anew.",
        "vidcurate review -d out",
        "vidcurate review -d out -c my.yaml --sample 200",
        "vidcurate review -d out --export decisions.csv",
    ),
    command(
        "balance",
        LOOK,
        "Show what each split and each class of a quota has, and what is missing.",
        "vidcurate balance -d out",
        "vidcurate balance -d out --json",
    ),
    command(
        "diff",
        LOOK,
        "Show which clips only one of two data sets keeps, and why.",
        "vidcurate diff out other",
    ),
    command(
        "config",
        MAINTAIN,
        "Print a config file with every default, or a recipe; list recipes; check a file.",
        "vidcurate config > my.yaml",
        "vidcurate config --recipe long-take > my.yaml",
        "vidcurate config --check my.yaml",
    ),
    command(
        "drop",
        MAINTAIN,
        "Take videos out of a data set; their files stay, and ingest takes them in again.",
        "vidcurate drop ~/Videos/one.mp4 -d out",
        "vidcurate drop --gone -d out",
    ),
    command(
        "clean",
        MAINTAIN,
        "Remove rows and files that no current options need, or that a kill left half written.",
        "vidcurate clean -d out",
        "vidcurate clean -d out --yes",
    ),
)
