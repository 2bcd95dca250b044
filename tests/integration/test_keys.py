"""Keys on the wire and on the command line (attack rows K)."""

from __future__ import annotations

import base64
import datetime
import json
import statistics
import time
import urllib.parse

from waybill_harness import CANARY, HarnessTestCase, canned, main, request_bytes, settings_for, wait_until

STYLES = (("Authorization", "Bearer {}"), ("x-api-key", "{}"), ("api-key", "{}"), ("x-goog-api-key", "{}"))


class Keys(HarnessTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.provider = self.upstream(canned.plain())
        settings = settings_for(self.provider)
        settings["models"]["demo/other"] = dict(settings["models"]["demo/model"], aliases=["other"])
        self.server = self.daemon(settings)

    def status(self, key: str, **members: str) -> int:
        return self.server.chat(key=key, **members).status

    def test_four_header_styles_are_accepted(self) -> None:
        for name, form in STYLES:
            with self.subTest(name):
                answer = self.server.request("GET", "/v1/key", key="", headers=[(name, form.format(self.server.key))])
                self.assertEqual(answer.status, 200, answer.body)
        answer = self.server.request("GET", "/v1/key", key="", headers=[("authorization", f"bearer {self.server.key}")])
        self.assertEqual(answer.status, 200, "the scheme's name has no case (RFC 9110)")

    def test_k15_h35_equal_credentials_may_repeat_and_different_ones_are_refused(self) -> None:
        other = self.server.create_key("other")["key"]
        mine = ("Authorization", f"Bearer {self.server.key}")
        for headers, status in (
            ([mine, ("x-api-key", self.server.key)], 200),
            ([mine, mine], 200),
            ([mine, ("x-api-key", other)], 400),
            ([mine, ("Authorization", f"Bearer {other}")], 400),
            ([("api-key", other), ("x-goog-api-key", self.server.key)], 400),
        ):
            with self.subTest(headers=[name for name, _ in headers], status=status):
                answer = self.server.request("GET", "/v1/key", key="", headers=headers)
                self.assertEqual(answer.status, status, answer.body)
                if status == 400:
                    self.assert_error(answer, 400, "ambiguous_credentials")

    def test_k11_a_key_in_the_query_or_a_cookie_is_not_accepted_and_not_logged(self) -> None:
        for name in ("key", "api_key", "api-key"):
            answer = self.server.request("GET", f"/v1/models?{name}={self.server.key}", key="")
            self.assertIn(answer.status, (400, 401), answer.body)
        self.assert_error(self.server.request("GET", f"/v1/key?key={self.server.key}", key=""), 400, "key_in_query")
        answer = self.server.request(
            "GET",
            "/v1/key",
            key="",
            headers=[("Cookie", f"key={self.server.key}"), ("Referer", f"http://x/?key={self.server.key}")],
        )
        self.assert_error(answer, 401)
        self.assertNotIn(self.server.key, self.server.log_text())

    def test_k2_one_401_for_every_kind_of_wrong_key(self) -> None:
        gone = self.server.create_key("gone")
        off = self.server.create_key("off")
        for verb, name in (("delete", "gone"), ("disable", "off")):
            self.assertEqual(self.server.command("keys", verb, "--name", name).returncode, 0)
        wait_until(lambda: self.status(gone["key"]) == 401 and self.status(off["key"]) == 401, "revocation", 2)
        bodies = set()
        for key in (
            gone["key"],
            off["key"],
            "sk-wb-" + "A" * 43,
            "sk-wb-",
            self.server.key[:-1],
            self.server.key.swapcase(),
        ):
            answer = self.server.chat(key=key)
            self.assert_error(answer, 401)
            bodies.add(json.dumps(answer.error(), default=str))
        self.assertEqual(len(bodies), 1, bodies)

    def test_k1_unknown_and_disabled_keys_take_the_same_time(self) -> None:
        off = self.server.create_key("off")["key"]
        self.assertEqual(self.server.command("keys", "disable", "--name", "off").returncode, 0)
        wait_until(lambda: self.status(off) == 401, "revocation", 2)
        near = self.server.key[:-1] + ("A" if self.server.key[-1] != "A" else "B")
        samples: dict[str, list[float]] = {"disabled": [], "far": [], "near": []}
        with self.server.connect() as connection:
            for _ in range(400):
                for kind, key in (("disabled", off), ("far", "sk-wb-" + "Z" * 43), ("near", near)):
                    request = request_bytes("GET", "/v1/key", headers=[("Authorization", f"Bearer {key}")])
                    began = time.perf_counter()
                    connection.send(request)
                    self.assertEqual(connection.read_response(method="GET").status, 401)
                    samples[kind].append(time.perf_counter() - began)
        medians = {kind: statistics.median(times) for kind, times in samples.items()}
        self.assertLess(max(medians.values()) - min(medians.values()), 40e-6 + 0.2 * min(medians.values()), medians)

    def test_k3_a_key_has_256_bits(self) -> None:
        keys = [self.server.create_key(f"k{i}")["key"] for i in range(5)]
        self.assertEqual(len(set(keys)), 5)
        for key in keys:
            self.assertTrue(key.startswith("sk-wb-"))
            self.assertEqual(len(base64.urlsafe_b64decode(key[6:] + "=")), 32)

    def test_k4_nonsense_as_a_credential_is_a_plain_refusal(self) -> None:
        for value in (
            "Basic dXNlcjpwdw==",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer Bearer x",
            f"Bearer{self.server.key}",
            "Bearer ' OR 1=1 --",
            "Bearer " + "x" * 20000,
            "Bearer schl\u00fcssel",
            "Bearer \t",
            "Digest x",
            "Bearer " + urllib.parse.quote("'; DROP TABLE keys; --"),
        ):
            with self.subTest(value[:40]):
                answer = self.server.request("GET", "/v1/key", key="", headers=[("Authorization", value)])
                self.assertIn(answer.status, (400, 401), answer.body)
                self.assert_error(answer, answer.status)
        raw = b"GET /v1/key HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\0b\r\n\r\n"
        with self.server.connect() as connection:
            connection.send(raw)
            self.assertEqual(connection.read_response(method="GET").status, 400)
        self.assertEqual(self.status(self.server.key), 200)

    def test_k5_a_revoked_key_is_refused_within_a_second(self) -> None:
        for verb in ("disable", "delete"):
            made = self.server.create_key(f"for-{verb}")
            self.assertEqual(self.status(made["key"]), 200, "good when the command returns")
            self.assertEqual(self.server.command("keys", verb, "--hash", made["hash"]).returncode, 0)
            done = time.monotonic()
            wait_until(lambda: self.status(made["key"]) == 401, "revocation", 2)  # noqa: B023
            self.assertLess(time.monotonic() - done, 1.0)

    def test_k5_an_expired_key_is_refused(self) -> None:
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
        made = self.server.command(
            "keys", "create", "--name", "past", "--expires", past.strftime("%Y-%m-%dT%H:%M:%SZ"), "--json"
        )
        if made.returncode == 0:  # refusing to make it is as good
            self.assertEqual(self.status(json.loads(made.stdout)["key"]), 401)
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        key = self.server.create_key("soon", "--expires", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))["key"]
        wait_until(lambda: self.status(key) == 401, "expiry", 6)

    def test_an_allowlist_bounds_the_models(self) -> None:
        key = self.server.create_key("narrow", "--allow-model", "demo/other")["key"]
        self.assertEqual(self.server.chat("demo/other", key=key).status, 200)
        answer = self.server.chat("demo/model", key=key)
        self.assertIn(answer.status, (403, 404))
        self.assert_error(answer, answer.status)
        self.assertEqual(self.server.chat("demo/model", key=key, models=["demo/model"]).status, answer.status)
        alias = self.server.chat("model", key=key)
        self.assertEqual(alias.status, answer.status, "an alias is no way around")

    def test_keys_are_listed_without_their_text_and_stored_only_as_a_hash(self) -> None:
        listed = self.server.command("keys", "list", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("test", listed.stdout)
        self.assertNotIn(self.server.key, listed.stdout)
        secret = self.server.key.encode()
        for file in self.server.folder.rglob("*"):
            if file.is_file():
                self.assertNotIn(secret, file.read_bytes(), file)

    def test_commands_work_with_and_without_a_daemon(self) -> None:
        while_running = self.server.create_key("while-running")["key"]
        self.server.stop()
        while_down = self.server.create_key("while-down")["key"]
        self.assertNotEqual(self.server.command("keys", "delete", "--name", "nobody").returncode, 0)
        self.server.start()
        self.assertEqual(self.status(while_running), 200)
        self.assertEqual(self.status(while_down), 200)

    def test_an_empty_or_endless_name_is_refused_with_a_sentence(self) -> None:
        for name in ("", "x" * 5000, "a\nb"):
            done = self.server.command("keys", "create", "--name", name, "--json")
            self.assertNotEqual(done.returncode, 0)
            self.assertTrue(done.stderr.strip())
            self.assertNotIn(CANARY, done.stderr)

    def test_an_empty_value_does_not_swallow_the_next_option(self) -> None:
        for arguments in (("--name=", "--json"), ("--name=",), ("--name=a", "--expires=", "--json")):
            done = self.server.command("keys", "create", *arguments)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn("there is no value behind the '='", done.stderr)
        # A value may end in one.
        self.assertEqual(self.server.create_key("ends in =", "--allow-model=demo/x=")["name"], "ends in =")

    def test_k6_a_key_that_only_begins_alike_or_differs_in_case_is_another_key(self) -> None:
        for wrong in (self.server.key + "A", self.server.key[:-1], self.server.key.upper(), self.server.key.lower()):
            if wrong != self.server.key:
                self.assertEqual(self.status(wrong), 401)

    def test_a_default_key_serves_loopback_requests_without_one(self) -> None:
        settings = settings_for(self.provider, listen=[{"address": "127.0.0.1", "port": 0, "default_key": "test"}])
        server = self.daemon(settings)
        self.assertEqual(server.chat(key="").status, 200)
        self.assertEqual(server.chat(key="sk-wb-" + "A" * 43).status, 401, "a wrong key is still wrong")
        server.write_settings(settings_for(self.provider, listen=[{"address": "127.0.0.1", "port": 0}]))
        server.reload()
        wait_until(lambda: server.chat(key="").status == 401, "the reload to take the default key away")
        server.write_settings(settings)
        server.reload()
        wait_until(lambda: server.chat(key="").status == 200, "the reload to give it back")


if __name__ == "__main__":
    main()
