"""Real clients against the scripted server; 77 (skipped) where they cannot be installed.
   http_clients.py SCRIPTED_SERVER               npm's openai, ai with @ai-sdk/openai-compatible
   http_clients.py SCRIPTED_SERVER --page [PNG]  the web page in headless Chromium"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent / "clients"
USE_NODE = pathlib.Path(__file__).parents[2] / "scripts" / "use-node"


def run(command, *arguments):
    script = f". {USE_NODE} && {command}"
    return subprocess.run(["bash", "-c", script, "bash", *arguments], cwd=HERE, timeout=240).returncode


def main():
    page = "--page" in sys.argv
    browser = next(filter(None, map(shutil.which, ["chromium-headless-shell", "chromium", "google-chrome"])), None)
    if page and not browser:
        print("needs chromium")
        return 77
    if run("install_packages") != 0:
        print("needs npm, and the clients from its registry")
        return 77
    server = subprocess.Popen([sys.argv[1], "--token-ms", "1"], stdout=subprocess.PIPE, text=True)
    try:
        base = f"http://127.0.0.1:{int(server.stdout.readline())}"
        if page:
            return run('exec node page.mjs "$@"', base, browser, *sys.argv[3:])
        return run("exec node clients.mjs " + base)
    finally:
        server.terminate()
        server.wait(timeout=60)


sys.exit(main())
