{
  # For `node-gyp rebuild` in a checkout. The npm package has scripts/binding.gyp alone: npm builds whatever has this file in
  # its root when it installs from a lock file, prebuilt or not.
  "targets": [
    {
      "target_name": "addon",
      "type": "none",
      "dependencies": ["scripts/binding.gyp:contrastive"]
    }
  ]
}
