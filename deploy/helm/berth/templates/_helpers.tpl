{{- define "berth.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "berth.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "berth.labels" -}}
{{ include "berth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "berth.serviceAccount" -}}
{{- default (ternary (include "berth.name" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "berth.secret" -}}
{{- default (include "berth.name" .) .Values.secrets.existing -}}
{{- end -}}

{{- /* Berth's configuration file. `config` may set each key but those that the chart needs itself. */ -}}
{{- define "berth.config" -}}
{{- $files := "/run/secrets/berth" -}}
{{- $s3 := dict "bucket" .Values.storage.s3.bucket "forcePathStyle" .Values.storage.s3.forcePathStyle -}}
{{- range $key := list "region" "endpoint" "prefix" -}}
{{- with index $.Values.storage.s3 $key }}{{ $_ := set $s3 $key . }}{{ end -}}
{{- end -}}
{{- $auth := dict "keySecret_FILE" (printf "%s/authKeySecret" $files) -}}
{{- $own := dict
  "publicUrl" .Values.publicUrl
  "trustedProxies" .Values.trustedProxies
  "database" (dict "url_FILE" (printf "%s/databaseUrl" $files) "pool" .Values.database.pool "prepare" .Values.database.prepare)
  "auth" $auth
  "storage" (dict "driver" "s3" "s3" $s3)
  "metrics" (dict "listen" (printf "0.0.0.0:%d" (int .Values.metrics.port)))
  "limits" (dict "drainTimeout" (printf "%ds" (int .Values.drainSeconds)))
  "log" (dict "format" "json")
-}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end -}}
