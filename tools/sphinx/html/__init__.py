"""Extensions that finish the pages' HTML."""
