import{A as e,C as t,E as n,M as r,S as i,_ as a,a as o,c as s,i as c,m as l,n as u,u as d,y as f}from"./controls-BKuPYcN7.js";import{i as p}from"./session-q2BFhlHO.js";import{i as m,s as h,t as g}from"./data-D_Gjp5bc.js";import{r as _}from"./chat-CG4Zdpho.js";import{t as v}from"./preferences-TnGZTQzU.js";var y=p(`
  query Account {
    usage {
      documentCount documentLimit storedBytes storedBytesLimit answersToday dailyAnswerLimit
      month { endsAt answerCount promptTokens completionTokens tokenLimit cost }
    }
    apiKeys { id name createdAt expiresAt revokedAt }
  }
`),b=p(`
  mutation CreateKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on CreatedApiKey { secret apiKey { id } }
      ... on Error { message }
    }
  }
`),x=p(`
  mutation RevokeKey($id: ID!) {
    revokeApiKey(id: $id) {
      __typename
      ... on RevokedApiKey { apiKey { id revokedAt } }
      ... on Error { message }
    }
  }
`),S=p(`
  mutation DeleteAccount($password: String!) {
    deleteAccount(password: $password) { __typename ... on Error { message } }
  }
`);function C(){let{data:t,reload:n}=h(y,{});return d(`section`,{class:`page settings`,"aria-labelledby":`settings-title`,children:[d(`h1`,{id:`settings-title`,children:e(`nav.settings`)}),d(`section`,{class:`panel`,children:[d(`h2`,{children:e(`settings.you`)}),d(`div`,{class:`you`,children:[d(`p`,{children:[d(`strong`,{children:f.value?.name}),d(`span`,{children:f.value?.email})]}),d(`button`,{type:`button`,onClick:()=>void l.logout().catch(()=>{}),children:[d(s,{name:`out`,size:18}),e(`settings.logout`)]}),d(`button`,{type:`button`,class:`quiet`,onClick:()=>void l.logout(!0).catch(()=>{}),children:e(`settings.logout_all`)})]}),d(v,{})]}),t?.usage&&d(w,{usage:t.usage}),t?.apiKeys&&d(E,{keys:t.apiKeys,onChange:n}),d(`section`,{class:`panel`,children:[d(`h2`,{children:e(`settings.developers`)}),d(`p`,{children:e(`settings.developers_text`)}),d(`p`,{class:`actions`,children:[d(`a`,{class:`button`,href:`/graphql`,"data-away":``,children:[d(s,{name:`code`,size:18}),`GraphiQL`]}),d(`a`,{class:`button`,href:`/schema.graphql`,download:`lectern.graphql`,children:[d(s,{name:`download`,size:18}),e(`settings.schema`)]})]})]}),d(D,{})]})}function w({usage:{month:t,...n}}){let r=t.promptTokens+t.completionTokens;return d(`section`,{class:`panel`,children:[d(`h2`,{children:e(`settings.usage`)}),d(`dl`,{class:`usage`,children:[d(T,{label:e(`usage.documents`),value:n.documentCount,of:n.documentLimit}),d(T,{label:e(`usage.storage`),value:n.storedBytes,of:n.storedBytesLimit,show:i}),d(T,{label:e(`usage.answers_today`),value:n.answersToday,of:n.dailyAnswerLimit}),d(T,{label:e(`usage.answers_month`),value:t.answerCount,of:null}),(r>0||t.tokenLimit!==null)&&d(T,{label:e(`usage.tokens`),value:r,of:t.tokenLimit}),Number(t.cost)>0&&d(T,{label:e(`usage.cost`),value:Number(t.cost),of:null})]})]})}function T({label:t,value:r,of:i,show:a=n}){return d(`div`,{children:[d(`dt`,{children:t}),d(`dd`,{children:[i===null?a(r):e(`usage.of`,{used:a(r),limit:a(i)}),i!==null&&d(`meter`,{"aria-label":t,value:r,max:i,high:i*.9})]})]})}function E({keys:n,onChange:i}){let a=r(null),s=async e=>{e.preventDefault();let t=e.currentTarget,n=(await m(b,{input:{name:String(new FormData(t).get(`name`))}}))?.createApiKey;g(n)&&n.__typename===`CreatedApiKey`&&(t.reset(),a.value=n.secret,i())},l=async e=>{g((await m(x,{id:e}))?.revokeApiKey)&&i()},f=n.filter(({revokedAt:e})=>e===null);return d(`section`,{class:`panel`,children:[d(`h2`,{children:e(`settings.keys`)}),d(`p`,{children:e(`settings.keys_text`)}),f.length>0&&d(`ul`,{class:`keys`,children:f.map(({id:n,name:r,createdAt:i,expiresAt:a})=>d(`li`,{children:[d(`span`,{dir:`auto`,children:r}),d(`span`,{class:`fine`,children:a?e(`keys.expires`,{date:t(a)}):t(i)}),d(`button`,{type:`button`,class:`small-button danger-text`,onClick:()=>void l(n),children:e(`keys.revoke`)})]},n))}),d(`form`,{class:`inline-form`,onSubmit:e=>void s(e),children:[d(c,{label:e(`keys.name`),name:`name`,required:!0,maxLength:100}),d(`button`,{children:e(`keys.create`)})]}),a.value&&d(u,{title:e(`keys.created`),onClose:()=>a.value=null,class:`small`,children:[d(`p`,{children:e(`keys.once`)}),d(`p`,{class:`secret`,children:[d(`code`,{children:a.value}),d(o,{icon:`copy`,label:e(`action.copy`),onClick:()=>void _(a.value)})]}),d(`footer`,{children:d(`button`,{type:`button`,class:`primary`,onClick:()=>a.value=null,children:e(`action.done`)})})]})]})}function D(){let t=r(!1),n=async t=>{t.preventDefault();let n=String(new FormData(t.currentTarget).get(`password`)),r=await m(S,{password:n});g(r?.deleteAccount)&&(a(e(`settings.deleted`)),l.end())};return d(`section`,{class:`panel danger-zone`,children:[d(`h2`,{children:e(`settings.delete`)}),d(`p`,{children:e(`settings.delete_text`)}),d(`button`,{type:`button`,class:`danger-text`,onClick:()=>t.value=!0,children:e(`settings.delete`)}),t.value&&d(u,{title:e(`settings.delete`),onClose:()=>t.value=!1,class:`small`,children:d(`form`,{onSubmit:e=>void n(e),children:[d(`p`,{children:e(`settings.delete_text`)}),d(c,{label:e(`sign.password`),name:`password`,type:`password`,required:!0,autocomplete:`current-password`}),d(`footer`,{children:[d(`button`,{type:`button`,class:`quiet`,onClick:()=>t.value=!1,children:e(`action.keep`)}),d(`button`,{class:`danger`,children:e(`settings.delete`)})]})]})})]})}export{C as Settings};