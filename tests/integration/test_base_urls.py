"""Base URLs, unknown paths, wrong methods, CORS, health."""

from __future__ import annotations

from waybill_harness import HarnessTestCase, canned, main

CORS_EXPOSED = ("X-Generation-Id", "X-Provider-Name", "Retry-After")


class BaseUrls(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        self.server = self.daemon_for(self.provider)

    def test_base_urls_of_the_host_of_api_and_of_api_v1_all_work(self) -> None:
        for prefix in ("/v1", "/api/v1", "/api", ""):
            with self.subTest(prefix):
                self.assertEqual(self.server.chat(path=f"{prefix}/chat/completions").status, 200)
                self.assertEqual(self.server.request("GET", f"{prefix}/models").status, 200)
                self.assertEqual(self.server.request("GET", f"{prefix}/key").status, 200)
                self.assertEqual(self.server.request("GET", f"{prefix}/models?limit=1000").status, 200)

    def test_an_unknown_path_names_the_nearest_endpoint(self) -> None:
        for path, nearest in (
            ("/v1/chat/completion", "/v1/chat/completions"),
            ("/v1/model", "/v1/models"),
            ("/v1/embedding", "/v1/embeddings"),
            ("/api/v1/chat/completions/", "/v1/chat/completions"),
            ("/openai/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ):
            with self.subTest(path):
                answer = self.server.request("POST", path, body={})
                error = self.assert_error(answer, 404)
                self.assertIn(nearest, error["message"])

    def test_a_wrong_method_is_a_405_with_allow(self) -> None:
        for method, path, allowed in (
            ("GET", "/v1/chat/completions", "POST"),
            ("DELETE", "/v1/models", "GET"),
            ("PUT", "/v1/embeddings", "POST"),
            ("POST", "/v1/models", "GET"),
        ):
            with self.subTest(f"{method} {path}"):
                answer = self.server.request(method, path)
                self.assert_error(answer, 405)
                self.assertIn(allowed, answer.header("allow") or "")

    def test_a_preflight_is_answered_as_openrouter_does(self) -> None:
        answer = self.server.request(
            "OPTIONS",
            "/v1/chat/completions",
            key="",
            headers=[
                ("Origin", "https://app.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang"),
            ],
        )
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.header("access-control-allow-origin"), "*")
        self.assertIn("POST", answer.header("access-control-allow-methods") or "")
        self.assertIn("authorization", (answer.header("access-control-allow-headers") or "").lower())
        self.assertIn("x-stainless", (answer.header("access-control-allow-headers") or "").lower())
        self.assertIsNotNone(answer.header("access-control-max-age"))

    def test_answers_and_errors_carry_cors_fields(self) -> None:
        for answer in (self.server.chat(), self.server.chat(key="sk-wb-wrong"), self.server.request("GET", "/nowhere")):
            with self.subTest(answer.status):
                self.assertEqual(answer.header("access-control-allow-origin"), "*")
                exposed = (answer.header("access-control-expose-headers") or "").lower()
                for name in CORS_EXPOSED:
                    self.assertIn(name.lower(), exposed)

    def test_health_and_metrics_stand_where_they_should(self) -> None:
        self.assertEqual(self.server.request("GET", "/health/live", key="").status, 200)
        self.assertEqual(self.server.request("GET", "/health/live", key="", admin=True).status, 200)
        self.assertEqual(self.server.request("GET", "/health/ready", key="", admin=True).status, 200)
        self.assertEqual(self.server.request("GET", "/metrics", key="").status, 404)
        metrics = self.server.request("GET", "/metrics", key="", admin=True)
        self.assertEqual(metrics.status, 200)
        self.assertIn("text/plain", metrics.header("content-type") or "")

    def test_the_health_command_agrees(self) -> None:
        self.assertEqual(self.server.command("health").returncode, 0)

    def test_h17_escapes_and_dots_never_reach_another_route(self) -> None:
        for path in (
            "/v1/../metrics",
            "/v1/%2e%2e/metrics",
            "//metrics",
            "/metrics;x",
            "/v1/chat%2fcompletions",
            "/%76%31/models%00",
            "/v1/models/../key",
            "/v1\\models",
            "/v1/models%c0%ae",
            "/v1//models",
        ):
            with self.subTest(path):
                answer = self.server.request("GET", path)
                self.assertIn(answer.status, (400, 404), answer.body[:200])


if __name__ == "__main__":
    main()
