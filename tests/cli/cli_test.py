"""The command line as a script meets it: help, exit codes, errors, Ctrl-C.   cli_test.py BINARY HELLO [MODEL]"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

BINARY = sys.argv[1]
HELLO = sys.argv[2]  # examples/hello.cpp
MODEL = sys.argv[3] if len(sys.argv) > 3 and pathlib.Path(sys.argv[3]).is_dir() else None
COMMANDS = ["serve", "run", "generate", "tokenize", "template", "convert", "quantize", "inspect", "logits", "bench",
            "doctor", "perplexity"]


def run(*arguments, **options):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=120, **options)


class Help(unittest.TestCase):
    def test_the_program_lists_every_command_and_its_exit_codes(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", result.stdout)
        self.assertIn("130", result.stdout)

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            with self.subTest(command):
                result = run(command, "--help")
                self.assertEqual(result.returncode, 0)
                self.assertGreater(len(result.stdout), 200)

    def test_the_version_is_printed(self):
        self.assertRegex(run("--version").stdout, r"^\d+\.\d+\.\d+")


class Usage(unittest.TestCase):
    def test_a_wrong_command_line_exits_with_2(self):
        for arguments in [[], ["serve-nothing"], ["generate"], ["generate", "x", "--top-q", "1"]]:
            with self.subTest(arguments):
                self.assertEqual(run(*arguments).returncode, 2)

    def test_a_knob_out_of_range_says_the_range(self):
        result = run("generate", "/nonexistent", "hi", "--temperature", "3")
        self.assertEqual(result.returncode, 2)
        self.assertIn("temperature must be in [0, 2], got 3", result.stderr)

    def test_what_is_wrong_with_a_flag_is_said_in_its_own_words(self):
        for arguments, text in [
                (["genarate", "--help"], "there is no command 'genarate'; did you mean 'generate'?"),
                (["generate", "/nonexistent", "hi", "--logit-bias", "foo"], "such as 12:-1.5, got foo"),
                (["generate", "/nonexistent", "hi", "--json-space", "wide"], "wide not in {flexible,compact,indented,any}"),
                (["generate", "/nonexistent", "hi", "--gaps"], "--gaps requires --json"),
                (["generate", "/nonexistent", "hi", "--logprobs"], "--logprobs shows nothing without --json"),
                (["logits", "/nonexistent", "--ids", "1", "--chunk", "0"], "0 not in range 1 to "),
                (["logits", "/nonexistent", "--ids", ""], "--ids"),
                (["tokenize", "a", "b", "--tokenizer", "c"], "got 'a' and 'b'"),
                (["tokenize"], "name a model directory"),
                (["serve", "--port", "-1"], "listens nowhere")]:
            with self.subTest(arguments):
                result = run(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertTrue(result.stderr.startswith("error: "), result.stderr)
                self.assertIn(text, result.stderr)

    def test_a_wrong_command_line_names_the_help_of_its_command(self):
        for arguments in [["quantize", "a", "b", "--bits", "7"], ["quantize", "a"], ["template", "a"]]:
            with self.subTest(arguments):
                self.assertTrue(run(*arguments).stderr.endswith(f"Run mlx-serving {arguments[0]} --help for more information.\n"))

    def test_an_empty_prompt_is_one_and_standard_input_is_not_waited_for(self):
        with subprocess.Popen([BINARY, "generate", "/nonexistent", ""], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
            self.assertIn(b"the prompt must not be empty", waiting.communicate(timeout=60)[1])

    def test_a_prompt_that_is_no_utf8_is_refused(self):
        for command in ["generate", "run"]:
            result = run(command, "/nonexistent", b"caf\xe9")
            self.assertEqual(result.returncode, 1)
            self.assertIn("must be valid UTF-8", result.stderr)

    def test_endless_input_ends_at_its_limit(self):
        with open("/dev/zero") as endless:
            result = run("generate", "/nonexistent", stdin=endless)
        self.assertIn("the prompt must be at most 33554432 bytes", result.stderr)

    def test_a_gguf_file_in_the_place_of_a_model_says_how_to_make_one_of_it(self):
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            result = run("generate", file.name, "hi")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"mlx-serving convert {file.name}", result.stderr)

    def test_an_error_about_broken_bytes_is_text(self):
        header = b'{"\xff":1}'
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.flush()
            result = subprocess.run([BINARY, "inspect", file.name], capture_output=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("error: ", result.stderr.decode("utf-8"))

    def test_cases_come_from_files_and_pipes_and_not_from_folders(self):
        case = '{"k": 1, "template": "{{ a }}", "context": {"a": 2}}\n'
        result = run("template", "--cases", "-", input=case)
        self.assertEqual(json.loads(result.stdout), {"k": 1, "out": "2"})
        folder = run("template", "--cases", "/")
        self.assertEqual(folder.returncode, 1)
        self.assertIn("/: is a directory", folder.stderr)

    @unittest.skipUnless(pathlib.Path("/dev/full").exists(), "needs /dev/full")
    def test_help_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(subprocess.run([BINARY, "--help"], stdout=full, stderr=subprocess.PIPE).returncode, 1)

    def test_streams_that_the_caller_closed_are_neither_read_nor_written_by_accident(self):
        script = '"$0" schema >&-; echo $?; "$0" runtime <&- 2>&-; echo $?'
        result = subprocess.run(["sh", "-c", script, BINARY], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.stdout.split(), ["1", "0"])
        self.assertIn("standard output could not be written", result.stderr)

    def test_a_missing_model_is_one_clear_line(self):
        result = run("generate", "/nonexistent", "hi")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent", result.stderr)
        self.assertEqual(len(result.stderr.strip().splitlines()[-1:]), 1)


class Serve(unittest.TestCase):
    def test_a_model_that_cannot_be_loaded_ends_the_program(self):
        with tempfile.TemporaryDirectory() as broken:
            result = run("serve", broken, "--port", "0")
            self.assertEqual(result.returncode, 1)
            self.assertIn("config.json", result.stderr)
        self.assertIn("/nonexistent", run("serve", "/nonexistent").stderr)

    def test_the_server_outlives_the_reader_of_its_log(self):
        server = subprocess.Popen([BINARY, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            address = re.search(r"listening at (http://\S+)", server.stderr.readline())[1]
            server.stderr.close()
            for _ in range(3):
                with urllib.request.urlopen(f"{address}/health/live", timeout=60) as response:
                    self.assertEqual(response.status, 200)
        finally:
            server.terminate()
            self.assertEqual(server.wait(timeout=60), 0)

    @unittest.skipUnless(MODEL, "needs the demo model: scripts/fetch-demo-model")
    def test_a_model_that_cannot_be_loaded_again_does_not_end_the_server_and_may_be_mended(self):
        with tempfile.TemporaryDirectory() as folder:
            for file in pathlib.Path(MODEL).iterdir():
                (pathlib.Path(folder) / file.name).symlink_to(file.resolve())
            server = subprocess.Popen([BINARY, "serve", f"m={folder}", "--port", "0"], stderr=subprocess.PIPE, text=True)
            try:
                address = re.search(r"listening at (http://\S+)", server.stderr.readline())[1]
                self.assertIn("is ready", server.stderr.readline())
                config = pathlib.Path(folder) / "config.json"
                kept = config.read_text()
                for action, status, text in [("unload", 200, kept), ("load", 422, "{"), ("load", 422, "["), ("load", 200, kept)]:
                    config.unlink()
                    config.write_text(text)
                    asked = urllib.request.Request(f"{address}/v1/models/{action}", b'{"model": "m"}', {"content-type": "application/json"})
                    try:
                        with urllib.request.urlopen(asked, timeout=120) as response:
                            self.assertEqual(response.status, status)
                    except urllib.error.HTTPError as error:
                        self.assertEqual(error.code, status)
            finally:
                server.terminate()
                self.assertEqual(server.wait(timeout=60), 0)
                server.stderr.close()

    @unittest.skipUnless(MODEL, "needs the demo model: scripts/fetch-demo-model")
    def test_the_server_says_what_generate_says(self):
        server = subprocess.Popen([BINARY, "serve", f"m={MODEL}", "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            address = None
            for line in server.stderr:
                address = address or (re.search(r"listening at (http://\S+)", line) or [None, None])[1]
                if "is ready" in line:
                    break
            body = {"model": "m", "messages": [{"role": "user", "content": "Count to five."}], "temperature": 0, "max_tokens": 24}
            asked = urllib.request.Request(f"{address}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
            with urllib.request.urlopen(asked, timeout=120) as response:
                served = json.load(response)
            alone = json.loads(run("generate", MODEL, "Count to five.", "--temperature", "0", "--max-tokens", "24", "--json").stdout)
            self.assertEqual(served["choices"][0]["message"]["content"], alone["text"])
            self.assertEqual(served["usage"]["completion_tokens"], alone["usage"]["completion_tokens"])
        finally:
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(timeout=60), 0)
            server.stderr.close()


class Doctor(unittest.TestCase):
    def test_the_machine_is_described_and_its_kernels_agree(self):
        result = run("doctor", "--json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        report = json.loads(result.stdout)
        self.assertRegex(report["mlx_version"], r"^\d+\.\d+\.\d+")
        self.assertGreater(report["memory_bytes"], 1e8)
        self.assertIn(report["kernels"], report["instruction_sets"])
        self.assertTrue(report["self_test"] and all(row["ok"] for row in report["self_test"]))

    def test_a_person_reads_the_same(self):
        result = run("doctor")
        for word in ["processor", "memory", "huge pages", "MLX", "GPU", "self-test"]:
            self.assertIn(word, result.stdout)


@unittest.skipUnless(MODEL, "needs the demo model: scripts/fetch-demo-model")
class Answers(unittest.TestCase):
    def test_generate_as_json_has_every_documented_field(self):
        result = run("generate", MODEL, "The capital of France is", "--raw", "--temperature", "0", "--max-tokens", "5",
                     "--json", "--gaps", "--logprobs", "--top-logprobs", "2")
        answer = json.loads(result.stdout)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(answer["finish_reason"], "length")
        self.assertEqual(len(answer["ids"]), 5)
        self.assertEqual(len(answer["gaps"]), 5)
        self.assertEqual(len(answer["logprobs"][0]["top_logprobs"]), 2)
        self.assertTrue(answer["text"].startswith(" Paris"))
        self.assertEqual(answer["usage"]["completion_tokens"], 5)

    def test_a_seed_that_was_drawn_is_reported_and_gives_the_text_again(self):
        drawn = json.loads(run("generate", MODEL, "Once", "--raw", "--max-tokens", "8", "--json").stdout)
        again = run("generate", MODEL, "Once", "--raw", "--max-tokens", "8", "--json", "--seed", str(drawn["seed"]))
        self.assertEqual(json.loads(again.stdout)["ids"], drawn["ids"])

    @unittest.skipUnless(pathlib.Path("/dev/full").exists(), "needs /dev/full")
    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BINARY, "generate", MODEL, "x", "--raw", "--max-tokens", "3"], stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(result.returncode, 1)
        self.assertIn("standard output could not be written", result.stderr)

    def test_standard_input_is_a_prompt(self):
        result = run("generate", MODEL, "--raw", "--temperature", "0", "--max-tokens", "1", input="The capital of France is")
        self.assertEqual(result.stdout, " Paris\n")

    def test_a_prompt_file_is_read_byte_for_byte(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("The capital of France is\n")
            file.flush()
            result = run("generate", MODEL, "--raw", "--max-tokens", "1", "--prompt-file", file.name, "--json")
        self.assertEqual(json.loads(result.stdout)["usage"]["prompt_tokens"], 6)

    def test_ctrl_c_ends_the_answer_and_the_program(self):
        command = [BINARY, "generate", MODEL, "Count for ever:", "--raw", "--ignore-eos", "--max-tokens", "8000"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.read(20)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        process.stdout.read()
        self.assertEqual(process.wait(timeout=30), 130)
        self.assertLess(time.monotonic() - begin, 20)

    def test_run_answers_once_and_remembers_in_a_chat(self):
        result = run("run", MODEL, "--temperature", "0", "--max-tokens", "12",
                     input="Say one.\n/set top_k 5\n/set nonsense 1\n/help\nSay two.\n/bye\n")
        self.assertEqual(result.returncode, 0)
        self.assertIn("no sampling knob named 'nonsense'", result.stderr)
        self.assertIn("/clear", result.stderr)
        self.assertGreater(len(result.stdout.strip()), 5)

    def test_the_example_of_the_library_answers(self):
        result = subprocess.run([HELLO, MODEL, "Name a colour."], capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0)
        self.assertGreater(len(result.stdout.strip()), 3)

    def test_bench_prints_a_row_a_prompt_length(self):
        result = run("bench", MODEL, "--prompt-tokens", "8,16", "--new-tokens", "4", "--repeat", "1", "--json")
        report = json.loads(result.stdout)
        self.assertEqual([row["prompt_tokens"] for row in report["results"]], [8, 16])
        self.assertTrue(all(row["decode_tokens_per_second"] > 0 for row in report["results"]))
        self.assertTrue(all(0 < row["read_bandwidth_share"] for row in report["results"]))

    def test_perplexity_knows_words_from_noise(self):
        def perplexity(text):
            report = json.loads(run("perplexity", MODEL, "--json", input=text).stdout)
            self.assertEqual(report["bytes"], len(text))
            return report["perplexity"]

        words = "The sun rises in the east and sets in the west."
        self.assertLess(1, perplexity(words))
        self.assertLess(10 * perplexity(words), perplexity("".join(reversed(words))))

    def test_perplexity_of_nothing_is_an_error(self):
        result = run("perplexity", MODEL, input="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("the text must have at least 2 tokens, got 0", result.stderr)


unittest.main(argv=[sys.argv[0]], verbosity=2)
