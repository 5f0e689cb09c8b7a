"""Where each setting comes from: arguments, the environment, AWS's shared files."""
