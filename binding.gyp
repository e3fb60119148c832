{
  # For `node-gyp rebuild` and `npx contrastive build`: the build itself is CMake's, in CMakeLists.txt.
  "targets": [
    {
      "target_name": "contrastive",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the addon with CMake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/contrastive.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
