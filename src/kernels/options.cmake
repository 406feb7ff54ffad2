# Flags of single kernel files (instruction sets) are set here.
