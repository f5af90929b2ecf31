"""Extensions that read or change a page's source."""
