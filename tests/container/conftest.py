"""The image, once for all tests that want it; where it cannot be built, the reason is the result."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.container_base import CannotRun, prepare_tools
from tests.support.container_image import Image, built_image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    try:
        prepare_tools()
        with built_image(tmp_path_factory.mktemp("container")) as built:
            yield built
    except CannotRun as reason:
        if "CI" in os.environ:
            pytest.fail(f"the container has to be tested here: {reason}", pytrace=False)
        pytest.skip(str(reason))
    except subprocess.SubprocessError as failure:
        pytest.fail(f"the image cannot be built: {failure}", pytrace=False)
