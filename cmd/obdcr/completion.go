package main

import "github.com/spf13/cobra"

// completionExamples are how each shell reads its completions.
var completionExamples = map[string]string{
	"bash": `  source <(obdcr completion bash)
  obdcr completion bash > /etc/bash_completion.d/obdcr`,
	"fish": `  obdcr completion fish | source
  obdcr completion fish > ~/.config/fish/completions/obdcr.fish`,
	"powershell": "  obdcr completion powershell | Out-String | Invoke-Expression",
	"zsh": `  source <(obdcr completion zsh)
  obdcr completion zsh > "${fpath[1]}/_obdcr"`,
}

// showCompletion gives cobra's command and those below it the help that all others have.
func showCompletion(c *cobra.Command) {
	c.Short, c.Long = "Write the completions of a shell", "completion writes the script by which a shell completes commands, flags and their values."
	c.Example = completionExamples["bash"] + "\n" + completionExamples["fish"]
	c.Args = onlyCommands
	c.RunE = func(*cobra.Command, []string) error {
		return usageError("name a shell: bash, fish, powershell, zsh")
	}
	for _, shell := range c.Commands() {
		shell.Short = "Write the completions of " + shell.Name()
		shell.Long = shell.Short + ". The first example is for the running shell, another one for all new shells."
		shell.Args = noArgument
		shell.Example = completionExamples[shell.Name()]
	}
}
