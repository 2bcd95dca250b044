"""Base URLs, unknown paths, wrong methods, CORS, health."""

from __future__ import annotations

from waybill_harness import Daemon, HarnessTestCase, Response, canned, main, settings_for

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

    def rejected(self, server: Daemon) -> dict[int, Response]:
        """What the HTTP layer refuses by itself, by status: a page must be able to read why."""
        origin = b"Host: x\r\nOrigin: https://two.example\r\n"
        post = b"POST /v1/chat/completions HTTP/1.1\r\n" + origin
        key = f"Authorization: Bearer {server.key}\r\nContent-Type: application/json\r\n".encode()
        chunked = post + key + b"Transfer-Encoding: chunked\r\n\r\n"
        answers = {}
        for status, data in {
            400: b"GET /v1/models HTTP/1.1\r\nHost: a b\r\nOrigin: https://two.example\r\n\r\n",
            408: b"GET /v1/models HTTP/1.1\r\n" + origin + b"X-Sl",
            413: post + b"Content-Length: 99999\r\n\r\n",
            431: b"GET /v1/models HTTP/1.1\r\n" + origin + b"X-Long: " + b"x" * 9000 + b"\r\n\r\n",
            405: b"TRACE / HTTP/1.1\r\n" + origin + b"\r\n",
            # refused while an unread body is dropped
            4000: b"POST /v1/nowhere HTTP/1.1\r\n" + origin + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            4001: chunked + b"zz\r\n",
        }.items():
            with server.connect() as connection:
                connection.send(data)
                answers[status] = connection.read_response()
        self.assertEqual([answer.status for answer in answers.values()], [400, 408, 413, 431, 405, 400, 400])
        return answers

    def test_rejections_of_the_http_layer_carry_cors_fields(self) -> None:
        limits = {"header_bytes": 8192, "body_bytes": 65536, "header_timeout": "500ms"}
        for status, answer in self.rejected(self.daemon(settings_for(self.provider, limits=limits))).items():
            with self.subTest(status):
                self.assertEqual(answer.header("access-control-allow-origin"), "*")
                self.assertIn("Retry-After", answer.header("access-control-expose-headers") or "")
        # Of several origins each is told its own, where the head could be read at all.
        cors = {"allowed_origins": ["https://one.example", "https://two.example"]}
        server = self.daemon(settings_for(self.provider, limits=limits, cors=cors))
        for status, answer in self.rejected(server).items():
            with self.subTest(status):
                readable = status not in (400, 408, 431)
                told = answer.header("access-control-allow-origin")
                self.assertEqual(told, "https://two.example" if readable else None)
                self.assertEqual(answer.header("vary"), "Origin")

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
