#!/usr/bin/python3
"""python3-nbxmpp (Debian) as client under test."""
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from harness import Run
from line_client import scenario

with Run("nbxmpp") as run:
    scenario(run, "nbxmpp_child.py")
