from typer.testing import CliRunner

from rai_scale._version import __version__
from rai_scale.cli import app


def test_the_version_is_an_option_and_a_command():
    for word in ("--version", "version"):
        ran = CliRunner().invoke(app, [word])
        assert (ran.exit_code, ran.output.strip()) == (0, __version__)


def test_the_shell_completes_commands():
    asked = {
        "_RAI_SCALE_COMPLETE": "complete_bash",
        "COMP_WORDS": "rai-scale sca",
        "COMP_CWORD": "1",
    }
    ran = CliRunner().invoke(app, [], prog_name="rai-scale", env=asked)
    assert ran.output.split() == ["scan"]
