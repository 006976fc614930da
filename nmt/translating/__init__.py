"""The parts of `Translator`: from text to translations."""
