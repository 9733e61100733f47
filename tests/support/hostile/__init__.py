"""Boards in the states that running firmware and other debuggers leave behind."""
