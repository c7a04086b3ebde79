// Package input reads the files that the command is given, and says what each of them is,
// so that a wrong file is called by its name instead of by what it lacks.
//
// Make a [Reader] for one run of the command. [Reader.Read] reads a file and recognises it.
// Then ask the [File] for what is wanted: [File.Token], [File.Claims], [File.KeySet],
// [File.SigningKey], [File.TransportKey], [File.Certificates], [File.Authorities] or
// [File.Document]; [File.Judged] for what lint judges. Each of them reads every form that
// has one meaning alone. For all else it returns an [Error], which names the file and its
// flag, what was found, what is wanted, and how to convert it.
//
// No error and no warning repeats a part of a key.
package input
