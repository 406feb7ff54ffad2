"""Real clients against the scripted server; 77 (skipped) where they cannot be installed.
   http_clients.py SCRIPTED_SERVER               npm's openai, ai with @ai-sdk/openai-compatible
   http_clients.py SCRIPTED_SERVER --page [PNG]  the web page in headless Chromium"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent / "clients"


def main():
    if not shutil.which("npm"):
        print("needs npm")
        return 77
    if not (HERE / "node_modules" / "openai").is_dir():
        installed = subprocess.run(["npm", "ci", "--no-fund", "--no-audit", "--silent"], cwd=HERE)
        if installed.returncode != 0:
            print("npm could not install the clients")
            return 77
    page = "--page" in sys.argv
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if page and not browser:
        print("needs chromium")
        return 77
    server = subprocess.Popen([sys.argv[1], "--token-ms", "1"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        base = f"http://127.0.0.1:{port}"
        command = ["node", "page.mjs", base, browser, *sys.argv[3:]] if page else ["node", "clients.mjs", base]
        return subprocess.run(command, cwd=HERE, timeout=120).returncode
    finally:
        server.terminate()
        server.wait(timeout=60)


sys.exit(main())
