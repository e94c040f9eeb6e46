"""The one kind of error that is meant for the user."""


class CompanionError(Exception):
    """Bad input or a failing machine, in one sentence that names the file, row or option and says what to do."""
