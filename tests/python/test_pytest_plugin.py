"""The fixtures as a user's own tests use them: three lines are a test, whatever runs beside it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

THREE_LINES = """
    def test_a_case_is_created_once(cxone_sandbox, cxone_client):
        assert cxone_client.run("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "C-1"}, correlation_id="c-1").ok
        assert cxone_sandbox.executions("c-1") == 1
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    alone = () if any("asyncio" in option for option in options) else ("-p", "no:asyncio")
    return pytester.runpytest_subprocess("-W", "error", *alone, *options)


def test_three_lines_are_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(THREE_LINES)
    run(pytester, "--strict-markers").assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_asynchronous_client_goes_with_a_plugin_for_asynchronous_tests(
    pytester: pytest.Pytester, mode: str
) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        async def test_mine(cxone_async_client):
            result = await cxone_async_client.run("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "C-1"})
            assert result.outputs["caseId"]
        """
    )
    options = (f"--asyncio-mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function")
    run(pytester, *options).assert_outcomes(passed=1)


def test_the_asynchronous_client_is_closed_without_a_loop(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def afterwards():
            clients = []
            yield clients
            assert "closed" in repr(clients[0])

        def test_mine(afterwards, cxone_async_client):
            afterwards.append(cxone_async_client)
            assert "open" in repr(cxone_async_client)
            assert asyncio.run(cxone_async_client.run("00000000-0000-4000-8000-000000000004")).ok
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_tests_run_side_by_side_have_gateways_of_their_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.parametrize('n', range(8))\n{_numbered()}")
    run(pytester, "-n", "2").assert_outcomes(passed=8)


def _numbered() -> str:
    return "\n".join(line[4:] for line in THREE_LINES.strip("\n").splitlines()).replace("(cxone", "(n, cxone")


def test_a_marker_says_what_the_gateway_is_like_and_the_nearest_one_counts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from cxone_actions import RequestRejectedError

        pytestmark = pytest.mark.cxone_sandbox("genesys-flow", seed=7)

        def test_the_module(cxone_sandbox, cxone_client):
            assert cxone_sandbox.options["profile"] == "genesys-flow"
            assert cxone_client.run("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "C-1"}).ok

        @pytest.mark.cxone_sandbox(profile="gateway", actions=[{"id": "11111111-2222-4333-8444-555555555555"}])
        def test_the_function(cxone_client):
            assert cxone_client.run("11111111-2222-4333-8444-555555555555").polls == 1

        @pytest.mark.cxone_sandbox(sed=1)
        def test_a_mistake_is_named(request):
            with pytest.raises(ValueError, match="`sed` is no member of the options of a sandbox"):
                request.getfixturevalue("cxone_sandbox")
        """
    )
    run(pytester, "--strict-markers").assert_outcomes(passed=3)


def test_what_the_machine_exports_is_no_part_of_a_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CXONE_BASE_URL", "CXONE_TOKEN", "CXONE_POLICY", "CXONE_TIMEOUT", "CXONE_AUDIT_DIR", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "no good")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    pytester.makepyfile(
        THREE_LINES
        + """
    def test_it_is_there_again():
        import os
        assert os.environ["CXONE_TOKEN"] == "no good"
    """
    )
    run(pytester).assert_outcomes(passed=2)


def test_a_run_that_uses_no_fixture_of_ours_does_not_import_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_mine(pytestconfig):
            assert any("cxone_sandbox" in marker for marker in pytestconfig.getini("markers"))
            assert [name for name in sys.modules if name.split(".")[0] == "cxone_actions"] == []
        """
    )
    run(pytester).assert_outcomes(passed=1)
